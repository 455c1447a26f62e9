"""A photo that cannot be reached when it is to be read anew keeps what the archive knows of it."""

import shutil
from pathlib import Path

import pytest

from tests.running import headcount, summary, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]


def test_a_photo_out_of_reach_keeps_its_faces_and_that_is_told(
    samples: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(samples / "photos", photos)
    archive = ("--archive", str(out / "archive"))
    ended = headcount("run", str(photos), "--out", str(out), "--annotate", "0", "--profile", "fast")
    assert ended.returncode == 0, ended.stderr
    before = {row["photo"]: row for row in table(out, "photos")}
    faces = sorted(row["face_id"] for row in table(out, "faces"))
    lost = next(photo for photo, row in sorted(before.items()) if row["outcome"] == "faces")
    of_lost = sorted(row["face_id"] for row in table(out, "faces") if row["photo"] == lost)

    submitted = headcount("submit", str(photos), *archive, "--out", str(out), "--annotate", "0")
    assert submitted.returncode == 0, submitted.stderr
    (photos / lost).rename(tmp_path / "away.jpg")  # planned to be searched better; then it is gone
    ended = headcount("resume", submitted.stdout.strip(), *archive)
    assert ended.returncode == 0, ended.stderr
    assert "1 photo could not be reached: the archive has what it knew of it" in ended.stdout
    after = {row["photo"]: row for row in table(out, "photos")}
    assert after[lost] == before[lost]
    assert sorted(r["face_id"] for r in table(out, "faces") if r["photo"] == lost) == of_lost
    assert summary(out)["kept"] == 1
    assert sorted(row["face_id"] for row in table(out, "faces")) != faces

    (tmp_path / "away.jpg").rename(photos / lost)
    ended = headcount("run", str(photos), "--out", str(out), "--annotate", "0")
    assert ended.returncode == 0, ended.stderr
    assert not set(of_lost) & {row["face_id"] for row in table(out, "faces")}
    assert summary(out)["kept"] == 0
