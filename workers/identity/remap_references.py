"""References that are named faces, brought up to their faces' new ids and embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from headcount.assignments.history import face_keys
from headcount.tables.filters import parts, quoted
from workers.identity.enrol_named import DELETED, append_references
from workers.identity.previous_run import FACE_ID_MAP
from workers.tables.columns import index_of
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables

_COLUMNS = ("person_id", "person", "photo", "etag")


def remap_references(
    tables: PackTables,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    ids: pa.Table,
    *,
    confirm: Callable[[], None],
) -> None:
    """Replace references that are remapped faces (``ids``, a FACE_ID_MAP) by the faces of now.

    They get the new id, by which a rejection looks for them, and the new embedding, box and
    quality. The new row is written before the old one goes, so that an interruption loses none.
    Doing it again changes nothing. ``confirm`` raises where nothing may be written any more.
    """
    meant = {(r["photo"], r["face_id"]): r["new_face_id"] for r in ids.to_pylist()}
    source = f"source = {quoted(tables.source)}"
    held = tables.gallery.read(_COLUMNS, where=source).to_pylist()
    old = [row for row in held if (row["photo"], row["etag"]) in meant]
    if not old:
        return
    there = {_key(row) for row in held}
    fresh = {
        key: row
        for row in old
        if (key := (*_key(row)[:2], meant[row["photo"], row["etag"]])) not in there
    }
    _append(tables, faces, embeddings, fresh, confirm)
    for part in parts(old, DELETED):
        gone = " OR ".join(
            f"(photo = {quoted(row['photo'])} AND etag = {quoted(row['etag'])})" for row in part
        )
        confirm()
        tables.gallery.delete(f"{source} AND ({gone})")


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["person_id"], row["photo"], row["etag"]


def _append(
    tables: PackTables,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    fresh: Mapping[tuple[str, str, str], Mapping[str, Any]],
    confirm: Callable[[], None],
) -> None:
    """Add references by person, photo and new face id."""
    rows = [{"photo": photo, "face_id": face} for _, photo, face in fresh]
    wanted = pa.Table.from_pylist(rows, schema=FACE_ID_MAP.remove(2))
    at = index_of(face_keys(wanted), face_keys(faces))
    people = [(row["person_id"], row["person"]) for row in fresh.values()]
    append_references(tables, people, faces, at, embeddings, confirm=confirm)
