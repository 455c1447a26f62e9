"""The people of a report: whose references are opened, and where they were found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import Box, Decision
from tests.workers.report.galleries import gallery, pictured
from workers.people.gallery import NOBODY_ENROLLED
from workers.report import people, pictures
from workers.report.people import shown_people, with_found
from workers.report.run_result import RunResult
from workers.report.view import ShownFace, ShownPerson, ShownPhoto


def run_result(**faces: int) -> RunResult:
    """A result with people who were found so often."""
    rows: list[dict[str, Any]] = [
        {
            "person_id": name,
            "person": name.capitalize(),
            "reference_count": 2,
            "photos": n,
            "faces": n,
        }
        for name, n in faces.items()
    ]
    table = pa.Table.from_pylist(rows, results.PEOPLE)
    return cast("RunResult", SimpleNamespace(people=table))


def test_people_are_shown_with_their_own_references_those_first_who_were_found_most_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people, "PEOPLE_SHOWN", 1)
    monkeypatch.setattr(people, "PEOPLE_LISTED", 3)
    references, opened = pictured(monkeypatch, gallery(eve=2, bob=2, ada=2, zoe=2))
    shown, _ = shown_people(run_result(eve=1, bob=7, ada=1, zoe=0), references, ())
    assert [(p.person, p.brief, [s.report.photo for s in p.shown]) for p in shown] == [
        ("Bob", False, ["bob/0.jpg", "bob/1.jpg"]),
        ("Ada", True, ["ada/0.jpg"]),
        ("Eve", True, ["eve/0.jpg"]),
    ]
    assert all(one.preview for one in shown[0].shown)
    assert not any(one.preview for one in shown[1].shown), "a photo would be a part of the page"
    assert "zoe/0.jpg" not in opened


def test_of_ten_thousand_references_that_failed_only_those_shown_are_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports = tuple(
        ReferenceReport(person=f"p{n:05}", photo=f"p{n:05}/1.jpg", state="no_face")
        for n in range(10_000)
    )
    opened = list[str]()
    monkeypatch.setattr(pictures, "_open_reference", lambda _, _source, key: opened.append(key))
    references, _ = pictured(monkeypatch, NOBODY_ENROLLED)
    shown, refused = shown_people(run_result(), references, reports)
    assert len(shown) == len(opened) == people.PEOPLE_SHOWN
    assert refused == 10_000


def test_a_person_is_shown_in_photos_of_different_folders() -> None:
    def photo(key: str, *names: str) -> ShownPhoto:
        faces = tuple(
            ShownFace(f"{key}/{name}", Box(0, 0, 1, 1), Decision.MATCHED, 0.5, name, crop=b"face")
            for name in names
        )
        return ShownPhoto(key, 1, 1, faces)

    photos = [photo("a/1.jpg", "Ada"), photo("a/2.jpg", "Ada", "Bob"), photo("b/1.jpg", "Ada")]
    ada, bob, eve = with_found(
        [ShownPerson(name, name, 1, 1, 1) for name in ("Ada", "Bob", "Eve")], photos
    )
    assert [key for key, _ in ada.found] == ["a/1.jpg", "b/1.jpg"]
    assert [key for key, _ in bob.found] == ["a/2.jpg"]
    assert eve.found == ()
