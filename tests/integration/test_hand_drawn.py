"""A face that nobody detects is drawn by hand: a row, a name, and present in the roll, for good."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import lance
import numpy as np
import pytest

from headcount.answers.kept import read_answers, record_answer
from headcount.answers.record import Answer, FaceMark, What
from headcount.contract.frames import Frame, moved_box
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.tables.filters import quoted
from headcount.tables.table import Table
from tests.integration.test_identities import other_pack
from tests.running import comparable, headcount, said, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

NAME = "Barack Obama"
SIDES = (4800, 3200)
PLACE = (1030.0, 934.0, 41.0, 60.0)
"""The face in far.jpg: too far away for a quick search of the whole photo."""
ROSTER = "photo,person\nfar.jpg,Barack Obama\nnear.jpg,Barack Obama\n"


def far_away(samples: Path, turn: int = 0) -> bytes:
    """A large photo with a face that is 60 pixels high."""
    near = cv2.imread(str(samples / "photos/address.jpg"))[0:1037, 0:752]
    small = cv2.resize(near, None, fx=0.1485, fy=0.1485, interpolation=cv2.INTER_AREA)
    photo = np.full((SIDES[1], SIDES[0], 3), 120, np.uint8)
    photo[900 : 900 + small.shape[0], 1000 : 1000 + small.shape[1]] = small
    return bytes(cv2.imencode(".jpg", np.rot90(photo, turn))[1].tobytes())


@pytest.fixture(scope="module")
def first(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quick run in which one of two expected people was not found."""
    folder = tmp_path_factory.mktemp("drawn")
    photos = folder / "photos"
    photos.mkdir()
    (photos / "far.jpg").write_bytes(far_away(samples))
    shutil.copy(samples / "photos/vice-president.jpg", photos)
    shutil.copy(samples / "photos/address.jpg", photos / "near.jpg")
    shutil.copytree(samples / "people", folder / "people")
    (folder / "roster.csv").write_text(ROSTER)
    take(folder)
    assert statuses(folder) == {"far.jpg": "absent", "near.jpg": "present"}
    assert outcome(folder) == ("no_face", 0)
    return folder


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Path:
    """A copy of the photos' archive; the photos stand where they stood."""
    shutil.copytree(first / "out", tmp_path / "out")
    for name in ("photos", "people", "roster.csv"):
        (tmp_path / name).symlink_to(first / name)
    return tmp_path


def take(folder: Path, *more: str, photos: Path | None = None) -> dict[str, Any]:
    """Take the roll; gives the job's plan."""
    where = (str(photos or (folder / "photos").resolve()), "--out", str(folder / "out"))
    wishes = (
        "--people",
        str((folder / "people").resolve()),
        "--expected",
        str(folder / "roster.csv"),
    )
    profile = () if "--profile" in more else ("--profile", "fast")
    ended = headcount("run", *where, *wishes, "--annotate", "0", *profile, *more)
    assert ended.returncode == 0, ended.stderr
    plan = max((folder / "out/archive/jobs").glob("*/plan.json"), key=lambda p: p.parent.name)
    loaded: dict[str, Any] = json.loads(plan.read_text())
    return loaded


def statuses(folder: Path) -> dict[str, str]:
    return {row["photo"]: row["status"] for row in table(folder / "out", "expected")}


def outcome(folder: Path, photo: str = "far.jpg") -> tuple[str, int]:
    [row] = [r for r in table(folder / "out", "photos") if r["photo"] == photo]
    return row["outcome"], row["faces"]


def archive_of(folder: Path) -> Store:
    return open_store(canonical_uri(str(folder / "out/archive")), S3Settings())


def far(folder: Path) -> str:
    """The content of the photo with the face that was missed."""
    return hashlib.sha256((folder / "photos/far.jpg").read_bytes()).hexdigest()


def say(
    folder: Path,
    what: What = "face",
    box: tuple[float, float, float, float] = PLACE,
    frame: tuple[int, int, int] = (*SIDES, 1),
    face: str = "",
) -> Answer:
    """Draw a face by hand in far.jpg, or say something else of that place."""
    mark = FaceMark(face_id=face, content=far(folder), box=box, frame=frame)
    return record_answer(archive_of(folder), what, (mark,), photo="far.jpg")


def drawn_ids(folder: Path) -> set[str]:
    """The ids of the archive's faces that were drawn by hand, of whatever pack."""
    rows = [
        row
        for path in (folder / "out/archive/packs").glob("*/faces.lance")
        for row in lance.dataset(str(path)).to_table(["face_id", "pass"]).to_pylist()
    ]
    return {row["face_id"] for row in rows if row["pass"] == "by hand"}


def by_hand(folder: Path) -> dict[str, dict[str, Any]]:
    """The faces of the results that were drawn by hand, by photo."""
    ids = drawn_ids(folder)
    return {r["photo"]: r for r in table(folder / "out", "faces") if r["face_id"] in ids}


def others(folder: Path) -> list[dict[str, Any]]:
    ids = drawn_ids(folder)
    rows = [r for r in table(folder / "out", "faces") if r["face_id"] not in ids]
    return comparable(rows, "probability", "similarity")  # they go by all faces


def test_a_face_drawn_by_hand_is_embedded_matched_and_present_and_stays(place: Path) -> None:
    before = others(place)
    say(place)
    plan = take(place)
    assert (plan["hand_drawn"], plan["planned_photos"], plan["shards"]) == (1, 1, 1)
    row = by_hand(place)["far.jpg"]
    assert (row["decision"], row["person"]) == ("matched", NAME)
    assert tuple(row[side] for side in "xywh") == PLACE
    assert row["detection_score"] > 0.8, "what the detector gives in a view of it"
    assert outcome(place) == ("faces", 1)
    assert statuses(place) == {"far.jpg": "present", "near.jpg": "present"}
    assert others(place) == before
    plan = take(place)
    assert (plan["hand_drawn"], plan["planned_photos"]) == (0, 0)
    assert by_hand(place)["far.jpg"] == row


def test_undo_and_not_a_face_take_it_away_and_a_later_name_brings_it_back(place: Path) -> None:
    before = said(place / "out")[:2]
    drawn = say(place)
    take(place)
    face = by_hand(place)["far.jpg"]["face_id"]
    record_answer(archive_of(place), "undo", (), undoes=drawn.id)
    assert take(place)["hand_drawn"] == 1
    assert said(place / "out")[:2] == before
    assert outcome(place) == ("no_face", 0)
    say(place)
    no = say(place, "not_a_face", face=face)
    assert take(place)["hand_drawn"] == 0
    record_answer(archive_of(place), "undo", (), undoes=no.id)
    assert take(place)["hand_drawn"] == 1
    assert by_hand(place)["far.jpg"]["face_id"] == face


def test_what_is_found_by_itself_or_cannot_be_done_is_not_planned_again(place: Path) -> None:
    [near] = [r for r in table(place / "out", "faces") if r["photo"] == "near.jpg"]
    content = hashlib.sha256((place / "photos/near.jpg").read_bytes()).hexdigest()
    box = (near["x"], near["y"], near["w"], near["h"])
    mark = FaceMark(face_id="", content=content, box=box, frame=(626, 1200, 1))
    record_answer(archive_of(place), "face", (mark,), photo="near.jpg")
    assert take(place)["planned_photos"] == 0
    say(place, box=(4790, 3100, 300, 300))
    assert take(place)["planned_photos"] == 0
    assert by_hand(place) == {}


def test_it_stays_where_the_photo_is_moved_copied_or_turned(
    place: Path, samples: Path, tmp_path: Path
) -> None:
    turned = Frame(*SIDES, 1).turned(6)
    say(place, box=moved_box(PLACE, Frame(*SIDES, 1), turned), frame=turned)
    take(place)
    row = by_hand(place)["far.jpg"]
    assert [row[side] for side in "xywh"] == pytest.approx(PLACE, abs=0.01)
    (place / "photos").unlink()
    shutil.copytree(samples / "photos", place / "photos", ignore=lambda *_: ["table.jpg"])
    (place / "photos/moved.jpg").write_bytes(far_away(samples))
    (place / "photos/again.jpg").write_bytes(far_away(samples))
    take(place)
    assert {photo: found["face_id"] for photo, found in by_hand(place).items()} == dict.fromkeys(
        ("moved.jpg", "again.jpg"), row["face_id"]
    )


def test_a_rollback_takes_the_row_and_the_next_run_plans_it_again(place: Path) -> None:
    before = max(p.name for p in (place / "out/archive/jobs").iterdir())
    say(place)
    take(place)
    row = by_hand(place)["far.jpg"]
    back = headcount("rollback", before, "--archive", str(place / "out/archive"))
    assert back.returncode == 0, back.stderr
    assert take(place)["hand_drawn"] == 1
    assert by_hand(place)["far.jpg"] == row


def test_a_line_of_a_file_draws_and_names_a_face_that_is_forgotten_by_that_name(
    place: Path, tmp_path: Path
) -> None:
    lines, uri = tmp_path / "lines.csv", ("--archive", str(place / "out/archive"))
    (place / "roster.csv").unlink()
    (place / "roster.csv").write_text("photo,person\nfar.jpg,The Lecturer\n")
    x, y, w, h = moved_box(PLACE, Frame(*SIDES, 1), Frame(*SIDES, 1).turned(6))
    row = f"face,The Lecturer,far.jpg,{far(place)},{x} {y} {w} {h},6"
    lines.write_text(f"what,person,photo,photo_sha256,box,orientation\n{row}\n")
    applied = headcount("apply", str(lines), *uri)
    assert applied.returncode == 0, applied.stderr
    assert take(place)["hand_drawn"] == 1
    found = by_hand(place)["far.jpg"]
    assert (found["person"], statuses(place)) == ("The Lecturer", {"far.jpg": "present"})
    assert [found[side] for side in "xywh"] == pytest.approx(PLACE, abs=0.01)
    written = headcount("answers", "--out", str(tmp_path / "again.csv"), *uri)
    assert written.returncode == 0, written.stderr
    again = headcount("apply", str(tmp_path / "again.csv"), *uri)
    assert again.returncode == 0, again.stderr
    assert len(read_answers(archive_of(place))) == 1, "said before"
    assert take(place)["planned_photos"] == 0
    gone = headcount("forget", "The Lecturer", "--yes", *uri)
    assert gone.returncode == 0, gone.stderr
    assert read_answers(archive_of(place)) == []
    for file in (lines, tmp_path / "again.csv"):
        assert headcount("apply", str(file), *uri).returncode == 1
    lines.write_text(
        f"what,photo,photo_sha256,box,orientation\n{row.replace(',The Lecturer', '')}\n"
    )
    refused = headcount("apply", str(lines), *uri)
    assert refused.returncode == 1
    assert "line 2: the face at this place was forgotten" in refused.stderr
    lines.write_text(f"what,photo,photo_sha256,box\nface,far.jpg,{far(place)},4790 10 60 60\n")
    outside = headcount("apply", str(lines), *uri)
    assert outside.returncode == 1
    assert "line 2: the box is not inside the photo, which has 4800 x 3200" in outside.stderr
    assert by_hand(place) == {}


def test_a_forgotten_face_is_gone_and_cannot_be_drawn_again(place: Path) -> None:
    say(place)
    take(place)
    uri = ("--archive", str(place / "out/archive"))
    (place / "roster.csv").unlink()
    (place / "roster.csv").write_text("photo,person\nfar.jpg,Joe Biden\n")
    gone = headcount("forget", NAME, "--yes", *uri)
    assert gone.returncode == 0, gone.stderr
    assert by_hand(place) == {}
    assert outcome(place) == ("no_face", 0)
    assert read_answers(archive_of(place)) == []
    with pytest.raises(FatalError, match="the face at this place was forgotten"):
        say(place)
    assert take(place)["planned_photos"] == 0
    assert by_hand(place) == {}


def test_another_pack_profile_and_reading_have_the_face_too(place: Path, tmp_path: Path) -> None:
    say(place)
    pack = ("--model", str(other_pack(tmp_path / "club")))
    take(place, *pack, "--beside")
    beside = by_hand(place)["far.jpg"]
    assert beside["person"] == NAME
    take(place)
    row = by_hand(place)["far.jpg"]
    assert row["face_id"] != beside["face_id"]
    assert row["person"] == NAME
    [pack_id] = {
        path.parent.name
        for path in (place / "out/archive/packs").glob("*/faces.lance")
        if row["face_id"] in lance.dataset(str(path)).to_table(["face_id"])["face_id"].to_pylist()
    }
    photos = Table(archive_of(place).uri, f"packs/{pack_id}/photos.lance", S3Settings())
    photos.update({"reading": "2"}, f"photo = {quoted('far.jpg')}")
    assert take(place, "--reread", "all")["reread"] == 1
    assert by_hand(place)["far.jpg"]["face_id"] == row["face_id"]
    take(place, "--profile", "balanced")
    found = [r for r in table(place / "out", "faces") if r["photo"] == "far.jpg"]
    assert [r["person"] for r in found] == [NAME]
    assert len(read_answers(archive_of(place))) == 1
