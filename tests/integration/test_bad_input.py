"""Bad input: each a clear message that says what to do, no traceback, and the right exit code."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from headcount.contract.stored.archive import ArchiveRecord
from tests import running
from tests.running import headcount, table
from tests.servers import S3Server, small_disk
from tests.workers.networks import made_scrfd

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]


def refused(ended: subprocess.CompletedProcess[str], *words: str) -> str:
    """The message of a run that was refused for a reason it names."""
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in ended.stderr, ended.stderr
    return last


def run(photos: object, out: Path, *more: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return headcount("run", str(photos), "--out", str(out), *more, **extra)


def test_no_such_folder(tmp_path: Path) -> None:
    refused(run(tmp_path / "nowhere", tmp_path / "out"), "nowhere")


def test_an_empty_collection(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    refused(run(tmp_path / "photos", tmp_path / "out"), "no photos found")


def test_a_collection_without_photos_says_how_many_other_objects(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.txt").write_text("x")
    refused(run(tmp_path / "photos", tmp_path / "out"), "1 other objects", "--all-objects")


def test_no_people_in_the_people_folder(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    ended = run(samples / "photos", tmp_path / "out", "--people", str(tmp_path / "people"))
    refused(ended, "no people found", "one folder per person")


def test_a_reference_without_a_face_is_named_and_alone_it_stops_the_run(
    samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "people" / "Nobody").mkdir(parents=True)
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "people" / "Nobody" / "wall.jpg")
    ended = run(samples / "photos", tmp_path / "out", "--people", str(tmp_path / "people"))
    refused(ended, "Nobody/wall.jpg", "no face found")


def two_equal_faces(samples: Path, path: Path) -> None:
    portrait = Image.open(samples / "people" / "Barack Obama" / "obama.jpg").convert("RGB")
    both = Image.new("RGB", (2 * portrait.width, portrait.height))
    both.paste(portrait, (0, 0))
    both.paste(portrait, (portrait.width, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    both.save(path)


def test_a_reference_with_two_equal_faces_is_refused_and_the_others_are_used(
    samples: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    shutil.copytree(samples / "people", people)
    two_equal_faces(samples, people / "Barack Obama" / "twice.jpg")
    ended = headcount("enroll", str(people), "--archive", str(tmp_path / "archive"))
    assert ended.returncode == 3, ended.stderr
    assert "twice.jpg" in ended.stdout
    assert "crop it to the person" in ended.stdout
    assert "1 person with 1 reference enrolled" in ended.stdout


def test_broker_down(samples: Path, tmp_path: Path) -> None:
    ended = run(
        samples / "photos", tmp_path / "out", HEADCOUNT_BROKER_URL="redis://:pw@127.0.0.1:1/0"
    )
    assert "pw" not in refused(ended, "cannot reach the broker", "HEADCOUNT_BROKER_URL")


def test_an_unknown_setting_value_names_the_setting(samples: Path, tmp_path: Path) -> None:
    ended = run(samples / "photos", tmp_path / "out", HEADCOUNT_THREADS="many")
    refused(ended, "HEADCOUNT_THREADS")


def test_a_damaged_model_file(samples: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "detector.onnx").write_bytes(made_scrfd()[:1000])
    ended = run(samples / "photos", tmp_path / "out", "--model", str(pack))
    refused(ended, "detector.onnx", "damaged")


def test_a_model_pack_that_does_not_exist(samples: Path, tmp_path: Path) -> None:
    refused(run(samples / "photos", tmp_path / "out", "--model", "buffalo"), "embedded")


def test_a_licence_that_was_not_accepted(samples: Path, tmp_path: Path) -> None:
    ended = run(samples / "photos", tmp_path / "out", "--model", "buffalo_l")
    refused(ended, "non-commercial", "HEADCOUNT_ACCEPT_LICENCES=buffalo_l")


def test_a_gpu_that_is_not_there(samples: Path, tmp_path: Path) -> None:
    own_worker = ("run", str(samples / "photos"), "--out", str(tmp_path / "out"))
    ended = running.headcount(*own_worker, "--provider", "cuda")
    refused(ended, "cuda", "--provider cpu")


def test_an_archive_of_another_pack(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(samples / "photos", out).returncode == 0
    record = out / "archive" / "archive.json"
    known = ArchiveRecord.from_bytes(record.read_bytes())
    other = known.model.model_copy(update={"pack_id": "0123456789abcdef"})
    record.write_bytes(known.model_copy(update={"model": other}).to_bytes())
    refused(run(samples / "photos", out), "0123456789abcdef", "another archive")


def test_an_archive_that_is_damaged(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "archive").mkdir(parents=True)
    (tmp_path / "out" / "archive" / "archive.json").write_text("{")
    refused(run(samples / "photos", tmp_path / "out"), "archive.json is damaged")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(samples: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "200k") as disk:
        refused(run(samples / "photos", disk / "out"), "disk full")


def test_no_such_bucket_and_a_wrong_key(s3: S3Server, samples: Path, tmp_path: Path) -> None:
    refused(run("s3://no-such-bucket/", tmp_path / "out", **s3.env()), "no-such-bucket")
    wrong = s3.env() | {"AWS_SECRET_ACCESS_KEY": "wrong-secret-value"}
    s3.make_bucket("locked")
    ended = run("s3://locked/", tmp_path / "out", **wrong)
    assert "wrong-secret-value" not in refused(ended, "AWS_SECRET_ACCESS_KEY")


def test_photos_that_cannot_be_read_are_outcomes_and_exit_code_3(
    samples: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    whole = (samples / "photos" / "address.jpg").read_bytes()
    (photos / "whole.jpg").write_bytes(whole)
    (photos / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "no-end.jpg").write_bytes(whole[:-2])
    (photos / "nearly.jpg").write_bytes(whole[: len(whole) * 97 // 100])
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.png").write_text("no image")
    (photos / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    ended = run(photos, tmp_path / "out", HEADCOUNT_MAX_BYTES="10000000")
    assert ended.returncode == 3, ended.stderr
    rows = {r["photo"]: (r["outcome"], r["reason"]) for r in table(tmp_path / "out", "photos")}
    assert rows["whole.jpg"] == ("faces", None)
    assert rows["half.jpg"] == ("unreadable", "truncated file")
    assert rows["no-end.jpg"] == ("faces", None)
    assert rows["nearly.jpg"][0] == "faces"
    assert re.fullmatch(r"the last \d+ rows are missing", rows["nearly.jpg"][1])
    assert rows["empty.jpg"] == ("unreadable", "empty file")
    assert rows["text.png"][0] == "unreadable"
    assert rows["gone.jpg"][0] == "missing"


def test_limits_are_kept_before_a_photo_is_read(samples: Path, tmp_path: Path) -> None:
    ended = run(samples / "photos", tmp_path / "out", HEADCOUNT_MAX_BYTES="200000")
    assert ended.returncode == 3
    rows = {r["photo"]: r["outcome"] for r in table(tmp_path / "out", "photos")}
    assert rows["blue-room.jpg"] == "too_large"
    assert rows["address.jpg"] == "faces"


def test_most_faces_of_a_photo_are_kept_by_a_setting(samples: Path, tmp_path: Path) -> None:
    ended = run(samples / "photos", tmp_path / "out", HEADCOUNT_MAX_FACES="2")
    assert ended.returncode == 0, ended.stderr
    rows = table(tmp_path / "out", "photos")
    assert max(row["faces"] for row in rows) == 2
    reasons = {row["photo"]: row["reason"] for row in rows if row["reason"]}
    assert reasons["table.jpg"] == "only the best 2 of 6 faces were kept"


def test_status_of_a_job_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "archive.json").touch()
    ended = headcount("status", "20260101-000000-abcdef", "--archive", str(tmp_path))
    refused(ended, "there is no job")
