import random

import pyarrow as pa
import pytest

from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.rosters.read import LINES
from headcount.rosters.scopes import (
    EXPECTATIONS,
    Kind,
    Photos,
    check_rows,
    count_rows,
    each_resolved_once,
    expand,
    in_memory,
    resolve,
)

KEYS = [
    "a/1.jpg",
    "a/2.jpg",
    "a/b/3.jpg",
    "a[12].jpg",
    "a1.jpg",
    "c/x*.jpg",
    "c/xy.jpg",
    "w\\x.jpg",
]


def lines_of(*rows: tuple[str, str, str]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"line": n, "scope": s, "person": p, "person_id": person_id(p), "needed": needed}
            for n, (s, p, needed) in enumerate(rows, 2)
        ],
        schema=LINES,
    )


def photos_of(*keys: str) -> Photos:
    return in_memory(pa.array(keys or KEYS, pa.string()))


def pairs(lines: pa.Table, photos: Photos, block: int = 1000) -> list[tuple[int, str | None]]:
    scopes = resolve(lines, photos)
    tables = list(expand(lines, scopes, photos, block))
    assert all(table.schema == EXPECTATIONS for table in tables)
    rows = pa.concat_tables(tables)
    assert rows.num_rows == sum(count_rows(lines, scopes))
    return list(zip(rows["line"].to_pylist(), rows["photo"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("text", "kind", "photos"),
    [
        ("a/1.jpg", Kind.PHOTO, 1),
        ("a[12].jpg", Kind.PHOTO, 1),
        ("c/x*.jpg", Kind.PHOTO, 1),
        ("a/", Kind.FOLDER, 3),
        ("*", Kind.COLLECTION, 8),
        ("a?.jpg", Kind.GLOB, 1),
        ("**/*.jpg", Kind.GLOB, 8),
        ("[ac]/", Kind.GLOB, 5),
        ("a", Kind.PHOTO, 0),
        ("b/", Kind.FOLDER, 0),
        ("b*", Kind.GLOB, 0),
        ("a\\b\\3.jpg", Kind.PHOTO, 1),
        ("a\\b\\", Kind.FOLDER, 1),
        ("w\\x.jpg", Kind.PHOTO, 1),
        ("./a/1.jpg", Kind.PHOTO, 1),
    ],
)
def test_a_scope_is_what_its_text_says(text: str, kind: Kind, photos: int) -> None:
    scope = resolve(lines_of((text, "Ada", "every")), photos_of())[text]
    assert (scope.kind, scope.photos) == (kind, photos)


def test_an_exact_key_wins_over_the_folder_and_the_glob_that_it_looks_like() -> None:
    lines = lines_of(("d/", "Ada", "every"), ("*", "Ben", "every"), ("[x].jpg", "Cy", "every"))
    keys = photos_of("d/", "d/1.jpg", "*", "[x].jpg", "x.jpg")
    assert pairs(lines, keys) == [(2, "d/"), (3, "*"), (4, "[x].jpg")]


def test_a_folder_that_has_wildcards_in_its_name_wins_over_the_glob() -> None:
    lines = lines_of(("[x]/", "Ada", "every"))
    assert pairs(lines, photos_of("[x]/1.jpg", "x/1.jpg")) == [(2, "[x]/1.jpg")]
    assert pairs(lines, photos_of("x/1.jpg", "y/1.jpg")) == [(2, "x/1.jpg")]


def test_every_is_a_row_for_each_photo_and_some_is_one_row() -> None:
    lines = lines_of(
        ("a/", "Ada", "every"),
        ("a/", "Ben", "some"),
        ("b/", "Cy", "every"),
        ("no.jpg", "Di", "some"),
        ("a1.jpg", "Ed", "every"),
    )
    assert pairs(lines, photos_of()) == [
        (2, "a/1.jpg"),
        (2, "a/2.jpg"),
        (2, "a/b/3.jpg"),
        (3, None),
        (4, None),
        (5, None),
        (6, "a1.jpg"),
    ]


def test_backslashes_are_slashes_in_the_rows() -> None:
    lines = lines_of(("a\\b\\", "Ada", "every"), ("w\\x.jpg", "Ada", "every"))
    rows = pa.concat_tables(expand(lines, resolve(lines, photos_of()), photos_of()))
    assert rows["scope"].to_pylist() == ["a/b/", "w\\x.jpg"]


def test_keys_in_any_order_and_in_many_arrays_give_the_same_rows() -> None:
    rng = random.Random(1)  # noqa: S311 - the same keys each time
    keys = sorted({f"{rng.randint(0, 9)}/{rng.randint(0, 9)}/{n}.jpg" for n in range(500)})
    texts = [*rng.sample(keys, 20), *[f"{n}/" for n in range(10)], "*", "**/1*.jpg", "3/?/*", "no/"]
    lines = lines_of(
        *[(text, f"P{n}", rng.choice(["every", "some"])) for n, text in enumerate(texts)]
    )
    whole = pairs(lines, photos_of(*keys))
    cut = [pa.array(keys[n : n + 37]) for n in range(0, len(keys), 37)]
    assert pairs(lines, lambda: iter(cut)) == whole
    assert pairs(lines, photos_of(*keys), block=40) == whole
    shuffled = rng.sample(keys, len(keys))
    assert pairs(lines, photos_of(*shuffled)) == whole


def test_an_empty_collection_and_an_empty_roster() -> None:
    lines = lines_of(("*", "Ada", "every"), ("a.jpg", "Ben", "every"))
    assert pairs(lines, lambda: iter([pa.array([], pa.string())])) == [(2, None), (3, None)]
    assert pairs(lines_of(), photos_of()) == []


def test_tables_hold_no_more_rows_than_a_block_but_for_one_line() -> None:
    keys = photos_of(*[f"a/{n}.jpg" for n in range(10)])
    lines = lines_of(*[("a/", f"P{n}", "every") for n in range(5)], ("a/", "Q", "some"))
    sizes = [table.num_rows for table in expand(lines, resolve(lines, keys), keys, 25)]
    assert sizes == [20, 20, 11]
    assert [t.num_rows for t in expand(lines, resolve(lines, keys), keys, 3)] == [10] * 5 + [1]


def test_too_many_rows_are_refused_with_the_lines_that_make_the_most() -> None:
    lines = lines_of(("a/1.jpg", "Ada", "every"), ("*", "Ben", "every"), ("a/", "Cy", "every"))
    scopes = resolve(lines, photos_of())
    assert check_rows(lines, scopes, "r.csv") == 12
    with pytest.raises(FatalError, match=r"r\.csv expects people in 12 photos") as caught:
        check_rows(lines, scopes, "r.csv", most=11)
    told = str(caught.value).splitlines()[1:]
    assert [line.strip()[:7] for line in told] == ["line 3:", "line 4:", "line 2:"]
    assert "Ben in *, 8 photos" in told[0]
    lines = lines_of(("*", "Ada", "some"))
    assert check_rows(lines, resolve(lines, photos_of()), "r.csv", most=1) == 1


def test_an_expectation_is_one_however_its_scope_is_spelled() -> None:
    spelled = ["a\\1.jpg", "./a/1.jpg", "a/1.jpg", "w\\x.jpg"]
    rows = [(n, text, "Ada", "ada", "every") for n, text in enumerate(spelled, 2)]
    made = [dict(zip(LINES.names, row, strict=True)) for row in rows]
    lines = pa.Table.from_pylist(made, LINES)
    kept = each_resolved_once(lines, resolve(lines, in_memory(pa.array(KEYS))))
    assert kept["line"].to_pylist() == [2, 5]
