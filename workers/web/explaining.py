"""Explanations for the page: documents of the tool `explain`, with the addresses of pictures.

The tool is imported at the first one: the first screen need not wait for what it brings.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headcount.errors import FatalError
from workers.web.describe import Json, View

if TYPE_CHECKING:
    from workers.tools.explain.moment import Moment


@dataclass
class Explaining:
    """The moment of the latest job, kept until there are other results."""

    _moment: Moment | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def document(self, view: View, what: str, kind: str | None, photo: str | None) -> Json:
        """The explanation of what a text means, or what it may mean. Raises FatalError."""
        from workers.tools.explain import explain
        from workers.tools.explain.resolve import KINDS

        if kind not in (None, *KINDS):
            raise FatalError("as: face, photo or person")
        with self._lock:
            moments = [self._of(view)]
            found: Json = explain(view.index.store, what, kind=kind, photo=photo, moments=moments)
        if found["kind"] != "choice":
            _add_pictures(view, found)
        return found

    def _of(self, view: View) -> Moment:
        from workers.tools.explain.moment import Moment

        job = view.results.said.job_id
        if self._moment is None or self._moment.job_id != job:
            self._moment = Moment.of(view.index.store, view.results.record, job)
        return self._moment


def subject_of(document: Json) -> str:
    """What a line of the audit log calls the thing that was explained: no key, and no name."""
    kind = document["kind"]
    found = document[kind].get(f"{kind}_id")
    if found is not None:
        return str(found)
    key = document["photo"]["photo"].encode("utf-8", "surrogatepass")
    return f"photo-{hashlib.sha256(key).hexdigest()[:16]}"


def _add_pictures(view: View, document: Json) -> None:
    """Add the address of its picture to each face and reference that the page can show."""
    from workers.tools.explain.pictures import pictured

    shown = list(pictured(document))
    rows = view.shown.said.rows_of({one["face_id"] for one in shown if "face_id" in one})
    ids, photos = view.face_ids(rows), view.photos(rows)
    faces = dict(zip(zip(photos, ids, strict=True), rows.tolist(), strict=True))
    gallery = view.results.gallery
    places = zip(gallery.sources, gallery.photos, gallery.boxes.tolist(), strict=True)
    references = {_place(*place): row for row, place in enumerate(places)}
    for one in shown:
        if "face_id" in one:
            row, kind = faces.get((one["photo"], one["face_id"])), "face"
        else:
            row, kind = references.get(_place(one["source"], one["photo"], one["box"])), "reference"
        one["image"] = None if row is None else f"/image/{kind}/{row}?size=160"


def _place(source: str, photo: str, box: list[float]) -> tuple[str, str, tuple[int, ...]]:
    return source, photo, tuple(round(value) for value in box)
