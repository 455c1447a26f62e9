"""Faces that people named, as references of the gallery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from headcount.contract.forgotten import forgotten_people
from headcount.decisions import DecisionRecord
from headcount.tables.filters import quoted
from headcount.tables.schemas import gallery_schema
from workers.identity.apply_answers import Answers
from workers.identity.hand_names import first_rows, hand_names
from workers.tables.columns import Numbers
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables
from workers.tables.photos import readings_of
from workers.tables.rows import fixed_lists, stored_parts


def enrol_named(
    tables: PackTables,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    answers: Answers,
    *,
    confirm: Callable[[], None],
) -> None:
    """Bring the gallery up to people's answers: named faces become references.

    Of a cluster that was named, these are its best faces. A reference is removed where its face was
    rejected or named otherwise since, or where another face of its photo was given its name and it
    was not. Doing it again changes nothing. ``confirm`` raises where nothing may be written any
    more.
    """
    table = tables.gallery
    columns = ["person_id", "photo", "etag"]
    held = table.read(columns, where=f"source = {quoted(tables.source)}").to_pylist()
    named = named_references(answers, faces)
    at = first_rows(faces, {face for _, face in named} | {row["etag"] for row in held})
    photo_of = {face: faces["photo"][row].as_py() for face, row in at.items()}
    over = answers.rejected | answers.renamed
    by_photo: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for person, face in named:
        by_photo[person, photo_of[face]].add(face)
    have: set[tuple[str, str]] = set()
    for row in held:
        person, face, key = row["person_id"], row["etag"], (row["person_id"], row["photo"])
        if face in at:
            key = person, photo_of[face]
        another = face in at and key in by_photo and face not in by_photo[key]
        if another or (face, person) in over:
            confirm()
            mine = f"etag = {quoted(face)} AND person_id = {quoted(person)}"
            table.delete(mine)  # of copies in other collections, too
        else:
            have.add((person, face) if face in at else key)
    gone = {*have, *((person, "") for person in forgotten_people(tables.store))}
    fresh = {
        (person, face): record
        for (person, face), record in named.items()
        if gone.isdisjoint({(person, face), (person, photo_of[face]), (person, "")})
    }
    people = [(person, record.person or "") for (person, _), record in fresh.items()]
    rows = np.array([at[face] for _, face in fresh], np.int64)
    append_references(tables, people, faces, rows, embeddings, confirm=confirm)


def named_references(answers: Answers, faces: pa.Table) -> Mapping[tuple[str, str], DecisionRecord]:
    """The last answer that makes a face a reference of a person, by person and face id.

    Only names that hold count, and faces that are in ``faces``.
    """
    names = hand_names(answers, faces)
    chosen = answers.references or answers.faces
    return {
        (record.person_id or "", face): record
        for record, some in zip(answers.records, chosen, strict=True)
        if record.action == "name"
        for face in some
        if names.get(face) == record.person_id
    }


def append_references(
    tables: PackTables,
    people: Sequence[tuple[str, str]],
    faces: pa.Table,
    rows: Numbers,
    embeddings: EmbeddingLookup,
    *,
    confirm: Callable[[], None],
) -> None:
    """Add these rows of ``faces`` to the gallery; ``people`` has the id and name for each row."""
    if not people:
        return
    chosen, found = faces.take(pa.array(rows)), embeddings[rows]
    photos = chosen["photo"].to_pylist()
    turns = tables.orientations(photos)
    columns = {
        "person_id": [person for person, _ in people],
        "person": [name for _, name in people],
        "source": [tables.source] * len(people),
        "photo": photos,
        "etag": chosen["face_id"],
        "content": [""] * len(people),
        **{name: chosen[name] for name in ("x", "y", "w", "h", "quality")},
        "descriptor": fixed_lists(found.astype(np.float32)),
        "reading": readings_of(tables, chosen["photo"]),
        "orientation": [turns.get(photo) for photo in photos],
        **stored_parts(chosen),
    }
    confirm()
    tables.gallery.append(pa.table(columns, schema=gallery_schema(found.shape[1])))
