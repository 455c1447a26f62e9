"""At least two photos of every person, spread over folders and dates."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from workers.report.spread import CANDIDATES, candidates, folder_of, spread

DAY = datetime(2024, 5, 1)


def named(*rows: tuple[str, str, float]) -> pa.Table:
    return pa.table(
        dict(zip(("photo", "person_id", "quality"), zip(*rows, strict=True), strict=True))
    )


def test_candidates_are_the_best_of_each_folder_in_turn() -> None:
    found = candidates(
        named(
            ("a/1.jpg", "ada", 0.5),
            ("a/2.jpg", "ada", 0.9),
            ("b/1.jpg", "ada", 0.4),
            ("a/2.jpg", "ada", 0.3),
            ("b/1.jpg", "ben", 0.8),
        )
    )
    assert found == {"ada": ("a/2.jpg", "b/1.jpg", "a/1.jpg"), "ben": ("b/1.jpg",)}


def test_a_person_in_many_photos_has_a_bounded_number_of_candidates() -> None:
    rows = [(f"{n % 3}/{n}.jpg", "ada", n / 100) for n in range(90)]
    [photos] = candidates(named(*rows)).values()
    assert len(photos) == CANDIDATES
    assert Counter(map(folder_of, photos)) == {"0": 3, "1": 3, "2": 2}


def test_nobody_with_a_name_has_no_candidates() -> None:
    empty = pa.table({"photo": [], "person_id": [], "quality": []})
    assert candidates(empty) == {}
    assert spread({}, {}, 10) == []


def test_every_person_has_two_photos_of_different_folders_where_there_are_such() -> None:
    random = np.random.default_rng(5)
    rows = [
        (f"{random.integers(8)}/{n}.jpg", f"p{random.integers(120)}", float(random.random()))
        for n in range(3000)
    ]
    people = candidates(named(*rows))
    chosen = spread(people, {}, 500)
    for who, photos in people.items():
        mine = [photo for photo in photos if photo in chosen]
        assert len(mine) >= 2, who
        assert len({folder_of(photo) for photo in mine}) >= 2
    folders = Counter(map(folder_of, chosen))
    assert len(folders) == 8
    assert max(folders.values()) < 2 * min(folders.values())


def test_group_photos_count_for_everybody_in_them() -> None:
    rows = [("a/all.jpg", f"p{n}", 0.9) for n in range(40)]
    rows += [("b/all.jpg", f"p{n}", 0.8) for n in range(40)]
    assert sorted(spread(candidates(named(*rows)), {}, 10)) == ["a/all.jpg", "b/all.jpg"]


def test_photos_that_are_shown_already_count() -> None:
    people = {"ada": ("a/1.jpg", "b/1.jpg", "a/2.jpg")}
    assert spread(people, {}, 10, shown=["a/1.jpg"]) == ["b/1.jpg"]
    assert spread(people, {}, 10, shown=["a/1.jpg", "b/1.jpg"]) == []


def test_of_one_folder_the_photo_furthest_in_time_is_taken() -> None:
    people = {"ada": ("a/1.jpg", "a/2.jpg", "a/3.jpg")}
    taken = {"a/1.jpg": DAY, "a/2.jpg": DAY + timedelta(1), "a/3.jpg": DAY + timedelta(400)}
    assert spread(people, taken, 10, shown=["a/1.jpg"]) == ["a/3.jpg"]


def test_where_there_is_little_room_everybody_has_one_before_anybody_has_two() -> None:
    people = {f"p{n}": (f"a/{n}.jpg", f"b/{n}.jpg") for n in range(5)}
    chosen = spread(people, {}, 5)
    assert len(chosen) == 5
    assert {photo[2:] for photo in chosen} == {f"{n}.jpg" for n in range(5)}
