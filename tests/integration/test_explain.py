"""Explanations of a real run: every face decided again, and the page with its pictures."""

import json
import shutil
from pathlib import Path

import pytest

from tests.running import headcount, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]


@pytest.fixture(scope="module")
def run(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run over the samples, with people and a roster."""
    folder = tmp_path_factory.mktemp("explain")
    shutil.copytree(samples / "photos", folder / "photos")
    options = ("--people", str(samples / "people"), "--expected", str(samples / "expected.csv"))
    out = folder / "out"
    ended = headcount("run", str(folder / "photos"), *options, "--out", str(out), "--annotate", "0")
    assert ended.returncode == 0, ended.stderr
    return out


def test_a_photo_is_explained_as_its_run_decided(run: Path) -> None:
    rows = table(run, "faces")
    photo = max({row["photo"] for row in rows}, key=[row["photo"] for row in rows].count)
    ended = headcount("explain", photo, "--archive", str(run), "--json")
    assert ended.returncode == 0, ended.stderr
    found = {face["face_id"]: face for face in json.loads(ended.stdout)["faces"]}
    mine = [row for row in rows if row["photo"] == photo]
    assert len(mine) == len(found) > 1
    for row in mine:
        face = found[row["face_id"]]
        for name in ("decision", "person", "evidence", "nearest", "cluster_id"):
            assert face[name] == row[name], row["face_id"]
        if row["similarity"] is not None:
            assert face["similarity"] == pytest.approx(row["similarity"], abs=1e-4)


def test_a_page_has_the_face_beside_its_references(run: Path) -> None:
    face = next(row for row in table(run, "faces") if row["decision"] == "matched")
    page = run.parent / "face.html"
    ended = headcount(
        *("explain", face["face_id"], "--photo", face["photo"], "--archive", str(run)),
        *("--out", str(page)),
    )
    assert ended.returncode == 0, ended.stderr
    text = page.read_text()
    assert text.count("data:image/jpeg") >= 3, "the photo, the face and a reference"
    assert "A reference of " + face["person"] in text


def test_people_and_what_is_not_there(run: Path) -> None:
    person = next(row for row in table(run, "people") if row["faces"])
    ended = headcount("explain", person["person"].upper(), "--archive", str(run))
    assert ended.returncode == 0, ended.stderr
    assert "References:" in ended.stdout
    missing = headcount("explain", person["person"] + "x", "--archive", str(run))
    assert missing.returncode == 1
    assert person["person"] in missing.stderr
