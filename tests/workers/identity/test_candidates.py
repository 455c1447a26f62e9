from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headcount.rosters.read import LINES
from headcount.rosters.scopes import EXPECTATIONS, in_memory, resolve
from tests.workers.identity.rolls import faces_of, search_of
from workers.identity import candidates

PEOPLE = ("ada", "bob", "cy")
PHOTOS = ("a/1", "a/1", "a/1", "b/2", "b/2")
COSINES = {
    "ada": [0.48, 0.10, 0.30, 0.20, 0.46],
    "bob": [0.10, 0.47, 0.44, 0.00, 0.60],
    "cy": [0.20, 0.00, 0.10, 0.49, 0.00],
}


def expectations(*pairs: tuple[str, str], needed: str = "every") -> pa.Table:
    rows = [{"scope": p, "photo": p, "person_id": who, "needed": needed} for p, who in pairs]
    return pa.Table.from_pylist(rows, EXPECTATIONS)


def found(table: pa.Table) -> list[tuple[Any, ...]]:
    return [
        (
            r["photo"],
            r["face_id"],
            r["person_id"],
            round(r["similarity"], 2),
            round(r["lacking"], 2),
        )
        for r in table.to_pylist()
    ]


def in_photos(*pairs: tuple[str, str], **more: Any) -> list[tuple[Any, ...]]:
    faces = faces_of(
        PHOTOS, COSINES, PEOPLE, more.pop("decisions", None), more.pop("discounts", None)
    )
    return found(search_of(faces, COSINES, PEOPLE, **more).in_photos(expectations(*pairs)))


def test_of_each_expectation_the_face_that_lacks_least_is_the_candidate() -> None:
    assert in_photos(("a/1", "ada"), ("a/1", "bob"), ("b/2", "cy")) == [
        ("a/1", "f0", "ada", 0.48, 0.02),
        ("a/1", "f1", "bob", 0.47, 0.03),
        ("b/2", "f3", "cy", 0.49, 0.01),
    ]


def test_a_face_that_is_like_somebody_else_lacks_the_lead_over_that_one() -> None:
    [(_, face, _, cosine, lacking)] = in_photos(("b/2", "ada"))
    assert (face, cosine, lacking) == ("f4", 0.46, round(0.60 + 0.05 - 0.46, 2))


def test_a_poor_face_lacks_what_its_cosine_is_worth_less_and_shows_the_cosine() -> None:
    discounts = [0.04, 0.0, 0.0, 0.0, 0.0]
    assert in_photos(("a/1", "ada"), discounts=discounts) == [("a/1", "f0", "ada", 0.48, 0.06)]
    discounts = [0.3, 0.0, 0.0, 0.0, 0.0]
    assert in_photos(("a/1", "ada"), discounts=discounts) == [("a/1", "f2", "ada", 0.3, 0.2)]
    discounts = [0.0, 0.0, 0.0, 0.0, 0.2]
    assert in_photos(("b/2", "ada"), discounts=discounts) == [("b/2", "f4", "ada", 0.46, 0.24)]


def test_faces_with_a_name_are_no_candidates_and_neither_are_pairs_that_somebody_rejected() -> None:
    taken = {"f1": ("matched", "cy")}
    assert in_photos(("a/1", "bob"), decisions=taken)[0][1] == "f2"
    assert in_photos(("a/1", "bob"), rejected={("f1", "bob")})[0][1] == "f2"
    all_of = {(f"f{n}", "bob") for n in range(3)}
    assert in_photos(("a/1", "bob"), rejected=all_of) == []


def test_photos_without_faces_and_people_who_are_not_enrolled_have_none() -> None:
    assert in_photos(("c/3", "ada"), ("a/1", "zoe")) == []


def lines(*rows: Sequence[str]) -> pa.Table:
    made = [dict(zip(("scope", "person_id", "needed"), row, strict=True)) for row in rows]
    return pa.Table.from_pylist(made, LINES)


@pytest.mark.parametrize("kept", [0, 1, 8])
@pytest.mark.parametrize("block", [1, 2, 100])
def test_where_some_photo_is_enough_the_best_face_of_the_whole_scope_is(
    block: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "SCOPES_KEPT", kept)
    monkeypatch.setattr(candidates, "FACES_AT_ONCE", block)
    monkeypatch.setattr(candidates, "PEOPLE_AT_ONCE", 1)
    faces = faces_of(PHOTOS, COSINES, PEOPLE)
    of = lines(
        ("*", "ada", "some"), ("*", "cy", "some"), ("b/", "ada", "some"), ("*", "bob", "every")
    )
    scopes = resolve(of, in_memory(pa.array(sorted(set(PHOTOS)))))
    assert found(search_of(faces, COSINES, PEOPLE).in_scopes(of, scopes)) == [
        ("a/1", "f0", "ada", 0.48, 0.02),
        ("b/2", "f3", "cy", 0.49, 0.01),
        ("b/2", "f4", "ada", 0.46, 0.19),
    ]


def test_no_gallery_and_no_face_are_no_trouble() -> None:
    faces = faces_of(PHOTOS, COSINES, PEOPLE)[:0]
    search = search_of(faces, COSINES, PEOPLE)
    assert search.in_photos(expectations(("a/1", "ada"))).num_rows == 0
    assert search.expected_pairs([]).tolist() == []
    assert list(search.grouped(np.zeros(0, np.int64))) == []
