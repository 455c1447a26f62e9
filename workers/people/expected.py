"""Expected people: pairs of photo and person from a CSV, compared with the faces found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.vocabulary import person_id, person_name
from headcount.errors import FatalError, ObjectError
from headcount.expected import parse_expected
from headcount.storage.base import Reader
from headcount.storage.uris import split_object_uri
from headcount.tables.filters import any_of, parts
from workers.tables.columns import isin
from workers.tables.pack_tables import PackTables


@dataclass(frozen=True, slots=True)
class Expectations:
    """Number of expected pairs of photo and person, and the people ``missing`` from each photo.

    ``absent`` are photos that are not in the collection. ``not_enrolled`` are names that nobody
    enrolled has, each with one that differs by case only, or None. ``forgotten`` counts further
    pairs, which were passed over because their people were forgotten.
    """

    total: int
    missing: dict[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    not_enrolled: Mapping[str, str | None] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def missing_total(self) -> int:
        """Number of pairs that were not found."""
        return sum(len(people) for people in self.missing.values())


def read_expected(source: str | None, open_store: Callable[[str], Reader]) -> list[tuple[str, str]]:
    """Read the pairs of photo and person from the CSV ``source``, if any. Raises FatalError."""
    if source is None:
        return []
    store_uri, key = split_object_uri(source)
    try:
        text = open_store(store_uri).get(key).data.decode("utf-8-sig")
    except (ObjectError, UnicodeDecodeError) as error:
        raise FatalError(f"cannot read the expected people from {source}: {error}") from error
    return parse_expected(text, source)


def missing_from(
    expected: Iterable[tuple[str, str]], found: Iterable[tuple[str, str | None]]
) -> dict[str, tuple[str, ...]]:
    """Names of expected people who were not found, by photo.

    ``expected`` are photos and names, ``found`` photos and person ids. Names are compared by
    person id, so that their Unicode form does not matter.
    """
    seen = set(found)
    missing: dict[str, dict[str, str]] = {}
    for photo, person in expected:
        if (photo, person_id(person)) not in seen:
            missing.setdefault(photo, {}).setdefault(person_id(person), person)
    return {photo: tuple(people.values()) for photo, people in missing.items()}


def not_enrolled_among(names: Iterable[str], enrolled: Iterable[str]) -> dict[str, str | None]:
    """Names that nobody enrolled has, each with one that differs by case only, or None."""
    people = {person_name(name): name for name in enrolled}
    by_case = {name.casefold(): name for name in people}
    normal = {name: person_name(name) for name in names}
    return {
        name: by_case.get(known.casefold()) for name, known in normal.items() if known not in people
    }


def compare_expected(
    given: Sequence[tuple[str, str]],
    faces: pa.Table,
    enrolled: Sequence[str],
    tables: PackTables,
    *,
    forgotten: Collection[str] = (),
) -> Expectations:
    """Compare expected pairs of photo and person with the faces that were recognised.

    ``enrolled`` are the names of the gallery's people, ``forgotten`` the ids of those who were
    forgotten.
    """
    if not given:
        return Expectations(0, {})
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
        _absent(tables, missing),
        not_enrolled_among(names, enrolled),
        len(pairs) - len(expected),
    )


def _absent(tables: PackTables, photos: Iterable[str]) -> frozenset[str]:
    """Those of the photos that are not in the collection."""
    wanted, table = sorted(photos), tables.photos
    here: set[str] = set()
    for part in parts(wanted):
        where = f"{tables.of_collection} AND {any_of('photo', part)}"
        here.update(table.read(["photo"], where=where)["photo"].to_pylist())
    return frozenset(wanted) - here
