"""Captions of photos: names from left to right, row by row."""

from typing import Any

import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.captions import caption_text, lead_of
from headcount.contract.vocabulary import NAMED_BY_PERSON, NOT_A_FACE
from workers.identity import captions as captioning
from workers.identity.captions import captions


def face(photo: str, person: str | None, x: float, y: float = 100, **more: Any) -> dict[str, Any]:
    decision = "matched" if person else "unknown"
    box = {"x": x, "y": y, "w": 40.0, "h": 40.0, "probability": 0.99}
    ids = {"photo": photo, "face_id": f"f{photo}{x}", "person": person, "decision": decision}
    return ids | box | more


def captioned(*faces: dict[str, Any]) -> list[dict[str, Any]]:
    table = pa.Table.from_pylist(list(faces), results.FACES)
    rows: list[dict[str, Any]] = pa.concat_tables(
        [results.CAPTIONS.empty_table(), *captions(table)]
    ).to_pylist()
    return rows


def texts(*faces: dict[str, Any]) -> list[str]:
    return [row["text"] for row in captioned(*faces)]


def test_two_rows_are_named_from_the_back_and_each_from_left_to_right() -> None:
    back = [face("a", name, 300 - 90 * k) for k, name in enumerate(("Cy", None, "Ada"))]
    front = [face("a", name, 90 + 90 * k, y=190) for k, name in enumerate(("Bo", "Di"))]
    [first, second] = captioned(*front, *back)
    assert (first["photo"], first["photo_row"], second["photo_row"]) == ("a", 1, 2)
    assert first["text"] == "Back row, from left: Ada, unknown, Cy"
    assert first["names"] == ["Ada", None, "Cy"]
    assert first["face_ids"] == ["fa120", "fa210", "fa300"]
    assert second["text"] == "Front row, from left: Bo, Di"


def test_a_name_that_may_be_wrong_is_in_brackets() -> None:
    [row] = captioned(
        face("a", "Ada", 0),
        face("a", "Bo", 100, decision="inferred"),
        face("a", "Cy", 200, probability=0.9),
        face("a", "Di", 300, probability=0.2, evidence=NAMED_BY_PERSON),
        face("a", "Ed", 400, probability=None),
        face("a", None, 500, probability=0.2),
    )
    assert row["text"] == "From left: Ada, [Bo], [Cy], Di, Ed, unknown"
    assert row["doubtful"] == ["Bo", "Cy"]


def test_a_photo_without_a_name_has_no_caption_and_one_person_is_a_name_alone() -> None:
    faces = [face("a", None, 0), face("a", None, 90), face("b", "Ada", 0), face("c", None, 0)]
    assert texts(*faces) == ["Ada"]
    assert texts() == []


def test_what_is_no_face_and_who_is_far_behind_are_left_out_unless_named() -> None:
    assert texts(
        face("a", "Ada", 0),
        face("a", None, 90, decision="ignored", evidence=NOT_A_FACE),
        face("a", None, 180, decision="ignored"),
        face("a", None, 270, h=10.0),
        face("a", "Bo", 360, h=10.0),
    ) == ["From left: Ada, unknown, Bo"]


def test_a_crowd_has_no_caption() -> None:
    crowd = [face("a", "Ada" if k == 0 else None, 90.0 * k) for k in range(captioning.CROWD + 1)]
    assert texts(*crowd) == []
    assert len(texts(*crowd[:-1])) == 1


def test_photos_are_captioned_block_by_block_and_none_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces = [face(f"{p:02}", f"P{k}", 90.0 * k) for p in range(9) for k in range(1 + p % 4)]
    whole = captioned(*faces)
    monkeypatch.setattr(captioning, "BLOCK", 3)
    table = pa.Table.from_pylist(faces, results.FACES)
    assert len(list(captions(table))) > 3
    assert captioned(*faces) == whole
    assert len({row["photo"] for row in whole}) == 9


def test_more_than_two_rows_are_numbered() -> None:
    assert [lead_of(row, 3, 2) for row in (1, 2, 3)] == [
        "Row 1 (back), from left",
        "Row 2, from left",
        "Row 3 (front), from left",
    ]
    assert [lead_of(1, 2, 1), lead_of(2, 2, 1), lead_of(1, 1, 1)] == ["Back row", "Front row", ""]
    assert caption_text("Back row", ["Ada"], ["Ada"]) == "Back row: [Ada]"
