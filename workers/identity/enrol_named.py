"""Faces that people named, as references of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from headcount.answers.record import Answer
from headcount.contract.forgotten import forgotten_people
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

    Of a cluster that was named, these are its best faces; of several faces of one photo, the one
    that was named last. A reference is removed where its face was rejected or named otherwise
    since, or another face of its photo is one. Doing it again changes nothing. ``confirm`` raises
    where nothing may be written any more.
    """
    table = tables.gallery
    columns = ["person_id", "photo", "etag"]
    held = table.read(columns, where=f"source = {quoted(tables.source)}").to_pylist()
    named = named_references(answers, faces)
    at = first_rows(faces, {face for _, face in named} | {row["etag"] for row in held})
    photo_of = {face: faces["photo"][row].as_py() for face, row in at.items()}
    latest = {(record.person_id or "", photo_of[face]): (record, face) for record, face in named}
    over = answers.rejected | answers.renamed
    have: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    for row in held:
        key = row["person_id"], photo_of.get(row["etag"], row["photo"])
        another = key in latest and row["etag"] in at and latest[key][1] != row["etag"]
        if another or (row["etag"], row["person_id"]) in over:
            mine = f"etag = {quoted(row['etag'])} AND person_id = {quoted(row['person_id'])}"
            confirm()
            table.delete(mine)  # of copies in other collections, too
        else:
            have.add(key)
            known.add((row["person_id"], row["etag"]))
    forgotten = forgotten_people(tables.store)
    fresh = {
        key: (record, at[face])
        for key, (record, face) in latest.items()
        if key not in have and (key[0], face) not in known and key[0] not in forgotten
    }
    people = [(person, record.person or "") for (person, _), (record, _) in fresh.items()]
    rows = np.array([row for _, row in fresh.values()], np.int64)
    append_references(tables, people, faces, rows, embeddings, confirm=confirm)


def named_references(answers: Answers, faces: pa.Table) -> list[tuple[Answer, str]]:
    """Names that hold, oldest first, each with a face that it makes a reference."""
    names = hand_names(answers, faces)
    chosen = answers.references or answers.faces
    return [
        (record, face)
        for record, some in zip(answers.records, chosen, strict=True)
        if record.what == "name"
        for face in some
        if names.get(face) == record.person_id
    ]


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
