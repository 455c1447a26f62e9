"""People by folder and by date, and who is with whom."""

from collections import Counter
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract import results
from workers.identity import company
from workers.identity.company import people_by_date, people_by_folder, together


def faces(*rows: tuple[str, str | None]) -> pa.Table:
    made = [
        {"photo": photo, "person": name, "person_id": name and f"id-{name}", "face_id": f"f{n}"}
        for n, (photo, name) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, results.FACES)


def values(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in table.to_pylist()]


SOME = faces(
    ("a/1.jpg", "Bo"), ("a/1.jpg", "Ada"), ("a/1.jpg", "Ada"), ("a/2.jpg", "Ada"),
    ("a/b/3.jpg", "Ada"), ("a/b/3.jpg", None), ("4.jpg", "Bo"), ("5.jpg", None),
)  # fmt: skip


def test_people_are_counted_in_the_folder_of_each_photo() -> None:
    assert values(people_by_folder(SOME), "folder", "person", "photos", "faces") == [
        ("", "Bo", 1, 1),
        ("a/", "Ada", 2, 3),
        ("a/", "Bo", 1, 1),
        ("a/b/", "Ada", 1, 1),
    ]
    assert people_by_folder(SOME)["person_id"][0].as_py() == "id-Bo"


def test_people_are_counted_by_the_date_on_the_clock_and_undated_photos_last() -> None:
    rows = [("a/1.jpg", datetime(2019, 7, 4, 23, 59)), ("4.jpg", datetime(1871, 1, 2))]
    taken = pa.table(
        dict(zip(("photo", "taken"), map(list, zip(*rows, strict=True)), strict=True)),
        schema=pa.schema([results.PHOTOS.field(name) for name in ("photo", "taken")]),
    )
    assert values(people_by_date(SOME, taken), "date", "person", "photos", "faces") == [
        ("1871-01-02", "Bo", 1, 1),
        ("2019-07-04", "Ada", 1, 2),
        ("2019-07-04", "Bo", 1, 1),
        (None, "Ada", 2, 2),
    ]


def test_each_pair_is_told_once_with_its_photos() -> None:
    found = together(SOME)
    assert found.schema == results.TOGETHER
    assert found.to_pylist() == [
        {"person_id": "id-Ada", "person": "Ada", "other_id": "id-Bo", "other": "Bo", "photos": 1}
    ]


def crowd(seed: int = 5) -> list[tuple[str, str]]:
    random = np.random.default_rng(seed)
    return [(f"{n:03}", f"p{who}") for n in range(80) for who in random.integers(0, 30, n % 9)]


def test_pairs_are_counted_exactly_however_few_are_counted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = crowd()
    of: dict[str, set[str]] = {}
    for photo, name in rows:
        of.setdefault(photo, set()).add(f"id-{name}")
    truth = Counter(pair for ids in of.values() for pair in combinations(sorted(ids), 2))
    for at_once in (1, 50, 10**6):
        monkeypatch.setattr(company, "AT_ONCE", at_once)
        found = together(faces(*rows))
        assert {(a, b): n for a, b, n in values(found, "person_id", "other_id", "photos")} == truth
        assert found["photos"].to_pylist() == sorted(truth.values(), reverse=True)


def test_the_most_frequent_pairs_are_kept_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = together(faces(*crowd()))
    monkeypatch.setattr(company, "PAIRS", 10)
    monkeypatch.setattr(company, "AT_ONCE", 40)
    assert together(faces(*crowd())).equals(whole.slice(0, 10))


def test_nobody_named_is_with_nobody() -> None:
    none = faces(("a", None))
    taken = results.PHOTOS.empty_table().select(["photo", "taken"])
    tables = (together(none), people_by_folder(none), people_by_date(none, taken))
    assert [table.num_rows for table in tables] == [0, 0, 0]
