"""An item of a check as it is shown to whoever judges: never how sure the program is.

Neither similarity nor what gave the name is told, and no reference from the photo itself is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from headcount.assignments.checks.record import CheckItem
from headcount.rosters.scopes import in_memory, resolve
from workers.web.describe import Json, View

REFERENCES = 6
PHOTOS = 60
"""Photos of a scope that are shown, at most."""
HIDDEN = ("similarity", "quality", "decision", "cluster_id", "by_hand", "reference")
"""Fields of a face that tell of what the program thought."""


def described_item(view: View, item: CheckItem) -> Json:
    """An item with the person's references, and with the face or the photos in question."""
    person = view.index.renames.now(item.person_id or "", item.person)[0]
    name = view.name(person) if person in view.names else item.person
    found: Json = {
        "number": item.number,
        "kind": item.kind,
        "person": name,
        "scope": item.scope,
        "references": _references(view, person, item.photo),
    }
    return found | (_face(view, item) if item.kind == "name" else _photos(view, item))


def _references(view: View, person: str, photo: str | None) -> list[Json]:
    shown = view.shown_references(person, 4 * REFERENCES)
    return [one for one in shown if one["photo"] != photo][:REFERENCES]


def _face(view: View, item: CheckItem) -> Json:
    """The face, None where its photo is gone; of a photo's copies the one that was drawn."""
    rows = view.shown.said.rows_of([item.face_id or ""])
    photos = view.photos(rows)
    here = [row for row, photo in zip(rows.tolist(), photos, strict=True) if photo == item.photo]
    if not len(rows):
        return {"face": None, "photo": item.photo}
    [face] = view.faces(np.array((here or rows.tolist())[:1]), [None])
    return {"face": {k: v for k, v in face.items() if k not in HIDDEN}, "photo": face["photo"]}


def _photos(view: View, item: CheckItem) -> Json:
    """The photos in which the person should be, with their sizes: one, or those of the scope."""
    keys = [item.photo] if item.photo else _of_scope(view, item.scope or "")
    shown = keys[:PHOTOS]
    frames = view.results.tables.frames(shown)
    told: list[dict[str, Any]] = [
        {"photo": key, "width": frame.width, "height": frame.height}
        for key in shown
        if (frame := frames.get(key)) is not None
    ]
    return {"photos": told, "photos_total": len(keys)}


def _of_scope(view: View, scope: str) -> list[str]:
    """The keys of the photos that a scope takes in."""
    tables = view.results.tables
    keys = tables.photos.read(["photo"], where=tables.of_collection)["photo"]
    ordered = pa.concat_arrays(keys.chunks or [pa.array([], pa.string())]).cast(pa.string()).sort()
    line = pa.table({"scope": pa.array([scope], pa.string())})
    [found] = resolve(line, in_memory(ordered)).values()
    return list(ordered.take(found.pattern.select(ordered)).to_pylist())
