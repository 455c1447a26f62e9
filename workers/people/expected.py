"""Who was expected in which photo, from a CSV of photo and person, and who is missing there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import PREPARE
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker
from headcount.contract.vocabulary import person_id, person_name
from headcount.errors import FatalError, ObjectError
from headcount.expected import parse_expected
from headcount.storage.uris import split_object_uri
from headcount.tables.filters import any_of, parts
from workers.runtime.unit import Unit
from workers.tables.columns import isin


@dataclass(frozen=True, slots=True)
class Expectations:
    """Pairs of photo and person that were expected, and those of them that were not found.

    ``absent`` are the photos that are not in the collection; ``not_enrolled`` the names that nobody
    enrolled bears, each with one that differs by case only, if there is one; ``forgotten`` is the
    number of further pairs that were passed over, of people who were forgotten.
    """

    total: int
    missing: dict[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    not_enrolled: Mapping[str, str | None] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def missing_total(self) -> int:
        """Pairs that were not found."""
        return sum(len(people) for people in self.missing.values())


def read_expected(unit: Unit) -> list[tuple[str, str]]:
    """The pairs that were given for the unit's job; raises FatalError."""
    source = unit.spec.expected
    if source is None:
        return []
    store_uri, key = split_object_uri(source)
    try:
        text = unit.context.open(store_uri).get(key).data.decode("utf-8-sig")
    except (ObjectError, UnicodeDecodeError) as error:
        raise FatalError(f"cannot read the expected people from {source}: {error}") from error
    return parse_expected(text, source)


def missing_from(
    expected: Iterable[tuple[str, str]], found: Iterable[tuple[str, str | None]]
) -> dict[str, tuple[str, ...]]:
    """The expected people of each photo, by name, who are not found in it: photos and person ids.

    A name is compared as person ids are, so that its Unicode form does not matter.
    """
    seen = set(found)
    missing: dict[str, dict[str, str]] = {}
    for photo, person in expected:
        if (photo, person_id(person)) not in seen:
            missing.setdefault(photo, {}).setdefault(person_id(person), person)
    return {photo: tuple(people.values()) for photo, people in missing.items()}


def not_enrolled_among(names: Iterable[str], enrolled: Iterable[str]) -> dict[str, str | None]:
    """The names that nobody enrolled bears, each with one that differs by case only, or None."""
    people = {person_name(name): name for name in enrolled}
    by_case = {name.casefold(): name for name in people}
    normal = {name: person_name(name) for name in names}
    return {
        name: by_case.get(known.casefold()) for name, known in normal.items() if known not in people
    }


def load_expectations(unit: Unit, faces: pa.Table, enrolled: Sequence[str]) -> Expectations:
    """What was expected of this job's photos, held against the faces that were recognised.

    ``enrolled`` are the names of the gallery's people.
    """
    given = read_expected(unit)
    if not given:
        return Expectations(0, {})
    forgotten = forgotten_people(unit.store)
    pairs = {(photo, person_id(person)): person for photo, person in given}
    expected = [
        (photo, person) for (photo, known), person in pairs.items() if known not in forgotten
    ]
    named = faces.select(["photo", "person_id"]).filter(pc.is_valid(faces["person_id"]))
    named = named.filter(isin(named["photo"], {photo for photo, _ in expected}))
    found = zip(named["photo"].to_pylist(), named["person_id"].to_pylist(), strict=True)
    missing = missing_from(expected, found)
    names = dict.fromkeys(name for people in missing.values() for name in people)
    return Expectations(
        len(expected),
        missing,
        _absent(unit, missing),
        not_enrolled_among(names, enrolled),
        len(pairs) - len(expected),
    )


def passed_over(unit: Unit) -> int:
    """How many reference photos this job left aside, since their people were forgotten."""
    prepared = read_record(unit.store, unit.keys.done(PREPARE), DoneMarker)
    return prepared.counts.get("forgotten_references", 0)


def _absent(unit: Unit, photos: Iterable[str]) -> frozenset[str]:
    """Those of some photos that are not in the collection."""
    wanted, table = sorted(photos), unit.table(unit.pack_keys.photos)
    here: set[str] = set()
    for part in parts(wanted):
        where = f"{unit.of_collection} AND {any_of('photo', part)}"
        here.update(table.read(["photo"], where=where)["photo"].to_pylist())
    return frozenset(wanted) - here
