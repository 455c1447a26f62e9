"""The references of a gallery: which are found, and that each is opened once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workers.report.galleries import FOLDER, gallery, pictured


def test_a_reference_is_found_by_its_folder_and_photo_else_it_is_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    references, _ = pictured(monkeypatch, gallery(ada=2, bob=3))
    assert references.row_of("bob", f"{FOLDER}bob/2.jpg") == 4
    assert references.row_of("bob", f"{FOLDER}ada/1.jpg") == 2
    assert references.row_of("bob", None) == 2
    assert references.row_of("eve", None) is None


def test_each_reference_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    references, opened = pictured(monkeypatch, gallery(ada=2, bob=3))
    first = references.pictures([3, 0, 3])
    assert (first[3].report.person, first[0].report.person) == ("Bob", "Ada")
    assert references.pictures([0, 4])[4].report.photo == "bob/2.jpg"
    assert sorted(opened) == ["ada/0.jpg", "bob/1.jpg", "bob/2.jpg"]


def test_the_first_references_of_a_person_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    references, _ = pictured(monkeypatch, gallery(ada=9, bob=2))
    assert references.rows_of(0) == range(6)
    assert references.rows_of(1) == range(9, 11)
    assert references.rows_of(1, 1) == range(9, 10)


@pytest.mark.parametrize(("folder", "said"), [(FOLDER, "taken"), ("file:///q/", None)])
def test_a_reference_of_the_jobs_folder_has_its_note(
    monkeypatch: pytest.MonkeyPatch, folder: str, said: str | None
) -> None:
    references, _ = pictured(monkeypatch, gallery(ada=1), folder)
    noted = replace(references, noted={("Ada", "ada/0.jpg"): "taken"})
    assert noted.pictures([0])[0].report.reason == said
