"""The people of a run as the report shows them: their references, and where they were found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from headcount.contract.stored.references import ReferenceReport
from workers.report.choose import REFERENCES_SHOWN, choose_people, failed_references
from workers.report.pictures import picture_reference
from workers.report.references import References
from workers.report.run_result import RunResult
from workers.report.spread import folder_of
from workers.report.view import ShownPerson, ShownPhoto, ShownReference
from workers.tables.columns import isin

PEOPLE_SHOWN = 100
"""People with all their references, as photo and face."""
PEOPLE_LISTED = 1000
"""People with the face of one reference: of a whole school. One more is about 10 kB of the page."""
FOUND_SHOWN = 2
"""Faces of a person, from the photos that are shown, beside the reference."""


def shown_people(
    result: RunResult, references: References, reports: Iterable[ReferenceReport]
) -> tuple[tuple[ShownPerson, ...], int]:
    """Enrolled people with their references, this job's failed references among them.

    Pictures are made only of those that are shown: PEOPLE_SHOWN people, the first reference of
    PEOPLE_LISTED, and PEOPLE_SHOWN people none of whose references could be used. The second value
    counts all of the latter.
    """
    failed = failed_references(reports)
    names = result.people["person"]
    enrolled = set(names.filter(isin(names, failed)).to_pylist())
    others = [person for person in failed if person not in enrolled]
    refused = (
        ShownPerson("", name, 0, 0, 0, _refused(references, failed[name]))
        for name in others[:PEOPLE_SHOWN]
    )
    return (*_enrolled(result, references, failed), *refused), len(others)


def _enrolled(
    result: RunResult, references: References, failed: Mapping[str, Sequence[ReferenceReport]]
) -> Iterator[ShownPerson]:
    """Yield the PEOPLE_LISTED people who were found most often, the first ones at length."""
    order = choose_people(result.people, PEOPLE_LISTED)
    rows = [
        references.rows_of(number, REFERENCES_SHOWN if place < PEOPLE_SHOWN else 1)
        for place, number in enumerate(order.to_pylist())
    ]
    made = references.pictures(row for some in rows for row in some)
    people = result.people.take(order).to_pylist()
    for place, (person, some) in enumerate(zip(people, rows, strict=True)):
        mine = tuple(made[row] for row in some)
        if place < PEOPLE_SHOWN:
            refused = _refused(references, failed.get(person["person"], ()))
            yield ShownPerson(**person, shown=(*mine, *refused))
        else:
            bare = tuple(replace(one, preview=b"") for one in mine)
            yield ShownPerson(**person, shown=bare, brief=True)


def _refused(
    references: References, reports: Sequence[ReferenceReport]
) -> tuple[ShownReference, ...]:
    """A person's references that could not be used, from the job's people folder."""
    source = references.sources.spec.people or ""
    return tuple(picture_reference(references.sources, source, report) for report in reports)


def with_found(
    people: Iterable[ShownPerson], photos: Iterable[ShownPhoto]
) -> tuple[ShownPerson, ...]:
    """People with their faces in FOUND_SHOWN of the photos, of different folders if there are."""
    faces: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for photo in photos:
        for face in photo.faces:
            if face.person and face.crop:
                faces[face.person].setdefault(photo.key, face.crop)
    return tuple(replace(one, found=_apart(faces.get(one.person, {}))) for one in people)


def _apart(faces: Mapping[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    """FOUND_SHOWN of the faces of one person by photo: one of each folder comes first."""
    first = {folder_of(key): key for key in reversed(list(faces))}.values()
    order = sorted(faces, key=lambda key: key not in first)
    return tuple((key, faces[key]) for key in order[:FOUND_SHOWN])
