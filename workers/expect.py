"""Who was expected in which photo, from a CSV of photo and person, and who is missing there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headcount.errors import FatalError, ObjectError
from headcount.forgotten import forgotten_people
from headcount.records import person_id
from headcount.storage.opening import split_object_uri
from workers.columns import is_one_of
from workers.context import Unit


@dataclass(frozen=True, slots=True)
class Expectations:
    """Pairs of photo and person that were expected, and those of them that were not found."""

    total: int
    missing: dict[str, tuple[str, ...]]

    @property
    def missing_total(self) -> int:
        """Pairs that were not found."""
        return sum(len(people) for people in self.missing.values())


def parse_expected(text: str, source: str) -> list[tuple[str, str]]:
    """The pairs of a CSV with the columns ``photo`` and ``person``; raises FatalError."""
    rows = csv.DictReader(io.StringIO(text))
    if not {"photo", "person"} <= set(rows.fieldnames or ()):
        raise FatalError(
            f"{source}: expected a CSV whose first line names the columns photo,person"
        )
    return [(row["photo"].strip(), row["person"].strip()) for row in rows if row["photo"]]


def missing_from(
    expected: Iterable[tuple[str, str]], found: Iterable[tuple[str, str | None]]
) -> dict[str, tuple[str, ...]]:
    """The expected people of each photo who are not among those found in it."""
    seen = set(found)
    missing: dict[str, list[str]] = {}
    for photo, person in dict.fromkeys(expected):
        if (photo, person) not in seen:
            missing.setdefault(photo, []).append(person)
    return {photo: tuple(people) for photo, people in missing.items()}


def load_expectations(unit: Unit, faces: pa.Table) -> Expectations:
    """What was expected of this job's photos, held against the faces that were recognised."""
    source = unit.spec.expected
    if source is None:
        return Expectations(0, {})
    store_uri, key = split_object_uri(source)
    try:
        text = unit.context.open(store_uri).get(key).data.decode("utf-8-sig")
    except (ObjectError, UnicodeDecodeError) as error:
        raise FatalError(f"cannot read the expected people from {source}: {error}") from error
    forgotten = forgotten_people(unit.store)
    pairs = dict.fromkeys(parse_expected(text, source))
    expected = [pair for pair in pairs if person_id(pair[1]) not in forgotten]
    named = faces.select(["photo", "person"]).filter(pc.is_valid(faces["person"]))
    named = named.filter(is_one_of(named["photo"], {photo for photo, _ in expected}))
    found = zip(named["photo"].to_pylist(), named["person"].to_pylist(), strict=True)
    return Expectations(len(expected), missing_from(expected, found))
