"""Names that people gave to faces and that hold: of whole clusters, of two faces of one photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from workers.identity.apply_answers import Answers
from workers.tables.columns import as_bool, isin


def hand_names(answers: Answers, faces: pa.Table) -> dict[str, str]:
    """The person whose name each face was given and still has, by face id.

    A later answer takes a name back: another name, a rejection, or that the face is not the person
    of other faces with the same name. Of two faces of one photo both keep it. Answers of earlier
    builds have no job: they named one face of a photo, and the last one holds.
    """
    at = first_rows(faces, answers.named)
    photos = {face: faces["photo"][row].as_py() for face, row in at.items()}
    marked = {face for some in answers.references for face in some}
    names: dict[str, str] = {}
    alone: dict[tuple[str, str], str] = {}
    sides_of = zip(answers.records, answers.faces, answers.sides, strict=True)
    for record, one, other in sides_of:
        person = record.person_id or ""
        if record.what == "apart":
            _part(names, one, other, marked)
        for face in one if record.what in ("name", "not") else ():
            if names.get(face) == person:
                del names[face]
            if record.what == "not" or face not in at:
                continue
            if record.job_id is None:
                before = alone.get((person, photos[face]), face)
                if before != face and names.get(before) == person:
                    del names[before]
                alone[person, photos[face]] = face
            names[face] = person
    return names


def _part(
    names: dict[str, str], one: Iterable[str], other: Iterable[str], marked: set[str]
) -> None:
    """Take the name from faces that are apart from others of that name, in place.

    The side with references keeps it, else the one with more of that person's faces. References
    are not asked: they are what the name was given for.
    """
    first, second = (_weights(names, side, marked) for side in (one, other))
    for side, mine, theirs in ((one, first, second), (other, second, first)):
        for face in side:
            person = names.get(face)
            if person is None or person not in theirs or face in marked:
                continue
            if mine[person] <= theirs[person]:
                del names[face]


def _weights(
    names: Mapping[str, str], side: Iterable[str], marked: set[str]
) -> dict[str, tuple[bool, int]]:
    """Whether a reference of each person is on a side, and how many faces of that person are."""
    mine = [face for face in side if face in names]
    counts = Counter(names[face] for face in mine)
    held = {names[face] for face in mine if face in marked}
    return {person: (person in held, count) for person, count in counts.items()}


def first_rows(faces: pa.Table, wanted: set[str]) -> dict[str, int]:
    """The first row of each of the ``wanted`` faces."""
    rows = np.flatnonzero(as_bool(isin(faces["face_id"], wanted)))
    found = faces["face_id"].take(pa.array(rows)).to_pylist()
    return dict(reversed(list(zip(found, rows.tolist(), strict=True))))
