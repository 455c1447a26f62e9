"""Everybody who was expected and is not met, with the nearest face of each photo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.rosters.statuses import MISSING, Status
from workers.tables.columns import NONE, Numbers, isin
from workers.web.describe import Json, View

_ORDER = (Status.NEAR_MISS, Status.TOO_POOR_TO_SAY, Status.ABSENT)
REASONS = {
    Status.NEAR_MISS: "a face here is nearly like this person",
    Status.TOO_POOR_TO_SAY: "a face here is too poor to say whose it is",
    Status.ABSENT: "no face here is like this person",
}


def missing_rows(view: View) -> list[dict[str, Any]]:
    """Expectations that nothing settles yet, near misses first."""
    expected = view.results.expected
    if not expected.num_rows:
        return []
    rows = expected.filter(isin(expected["status"], MISSING)).to_pylist()
    rows = [row for row in rows if not _is_settled(view, row)]
    rank = {str(status): n for n, status in enumerate(_ORDER)}
    return sorted(rows, key=lambda row: rank[row["status"]])


def _is_settled(view: View, row: dict[str, Any]) -> bool:
    """Whether answers since the results name the person there, or accept the absence."""
    overlay, person = view.shown.overlay, _now(view, row)
    photo, scope = row["photo"] or "", row["scope"] or ""
    people = {person, row["person_id"] or ""}
    if any((one, place) in overlay.accepted for one in people for place in (photo, scope) if place):
        return True
    if photo:
        return (person, photo) in overlay.drawn or person in _people_in(view, photo)
    return bool(overlay.pending) and bool(len(_new_rows(view, person)))


def _now(view: View, row: dict[str, Any]) -> str:
    return view.index.renames.now(row["person_id"] or "", row["person"])[0]


def _people_in(view: View, photo: str) -> set[str]:
    codes = view.shown.overlay.person[photo_rows(view, photo)]
    return {view.shown.overlay.people[code][0] for code in codes[codes != NONE].tolist()}


def _new_rows(view: View, person: str) -> Numbers:
    """Faces that were given a person's name since the results."""
    rows = view.shown.rows_of_person(person)
    before = view.shown.said.person[rows]
    return np.asarray(rows[before == NONE])


def photo_rows(view: View, photo: str) -> Numbers:
    """The faces of a photo."""
    said = view.shown.said
    at = said.photos.index(pa.scalar(photo, pa.string())).as_py()
    order, starts = said.by_photo
    return order[starts[at] : starts[at + 1]] if at >= 0 else order[:0]


def described_missing(view: View, rows: list[dict[str, Any]]) -> Iterator[Json]:
    """Yield expectations with the nearest unclaimed face of the photo and the references."""
    frames = view.results.tables.frames(row["photo"] for row in rows if row["photo"])
    for row in rows:
        person = _now(view, row)
        frame = frames.get(row["photo"])
        yield {
            "person": view.name(person) if person in view.names else row["person"],
            "person_id": person,
            "scope": row["scope"],
            "photo": row["photo"],
            "status": row["status"],
            "reason": REASONS.get(row["status"], ""),
            "nearest": _nearest(view, person, row["photo"]),
            "references": view.shown_references(person, 4),
            "width": frame.width if frame else None,
            "height": frame.height if frame else None,
        }


def _nearest(view: View, person: str, photo: str | None) -> Json | None:
    """The face of a photo that is most like a person, and is nobody else's."""
    if photo is None:
        return None
    overlay, rows = view.shown.overlay, photo_rows(view, photo)
    rows = rows[(overlay.person[rows] == NONE) & ~overlay.not_faces[rows]]
    ids = view.face_ids(rows)
    free = np.array([(face, person) not in overlay.barred for face in ids], bool)
    rows = rows[free] if len(rows) else rows
    if not len(rows):
        return None
    cosines = view.similarities(rows, person)
    if cosines[0] is None:
        return view.face(int(rows[0]))
    best = int(np.argmax(np.array(cosines, float)))
    return view.face(int(rows[best]), cosines[best])


def count_missing(view: View) -> int:
    """The number of expectations that nothing settles."""
    expected = view.results.expected
    if not expected.num_rows or not pc.any(isin(expected["status"], MISSING)).as_py():
        return 0
    return len(missing_rows(view))
