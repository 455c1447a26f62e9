"""Clusters that wait for a name: the largest first, with their look-alikes and nearest people."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.tables.columns import NONE, Numbers
from workers.web.describe import Json, View
from workers.web.index import Results

FACES = 12
"""Faces of a cluster on the screen."""
LOOK_ALIKE_FACES = 4
BLOCK = 1 << 15
"""Faces whose embeddings are added up at a time."""
TRIED = 50
"""Look-alikes that are passed over at most, since they are named already."""


@dataclass
class Centres:
    """The means of the embeddings of all clusters of a job's results, made once."""

    _of: str = ""
    _vectors: NDArray[np.float32] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, results: Results) -> NDArray[np.float32] | None:
        """C x D, of unit length; None while the embeddings are not loaded."""
        if not results.embedded.is_set():
            return None
        with self._lock:
            if self._vectors is None or self._of != results.said.job_id:
                stored = results.embeddings
                self._vectors = None if stored is None else _centres(results, stored)
                self._of = results.said.job_id
            return self._vectors


def _centres(results: Results, stored: NDArray[np.float16]) -> NDArray[np.float32]:
    """The mean of each cluster's embeddings, of unit length."""
    order, starts = results.said.members
    clusters = len(results.said.clusters)
    found = np.zeros((clusters, stored.shape[1]), np.float32)
    first = int(starts[0])
    for start in range(first, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        codes = results.said.cluster[rows]
        begins = np.flatnonzero(np.diff(codes, prepend=-2))
        found[codes[begins]] += np.add.reduceat(stored[rows].astype(np.float32), begins, axis=0)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    return found


def next_clusters(view: View, centres: Centres, limit: int, skip: Collection[str]) -> list[Json]:
    """The largest clusters that wait for a name, but those to skip."""
    left = {code for one in skip if (code := view.shown.cluster_code(one)) != NONE}
    found = []
    for code in view.shown.order:
        if int(code) not in left:
            found.append(described(view, centres, int(code)))
        if len(found) >= limit:
            break
    return found


def described(view: View, centres: Centres, code: int) -> Json:
    """A cluster with its best faces, what looks like it, and the nearest person."""
    rows = view.shown.unnamed_in(code)
    if not view.results.placed.is_set():
        view.results.place(rows[:FACES])
    centre = view.centre(rows)
    return {
        "cluster_id": view.shown.cluster_id(code),
        "size": len(rows),
        "faces": view.faces(view.best(rows, FACES)),
        "look_alike": _look_alike(view, centres, code, centre),
        "suggestion": _suggestion(view, rows, centre),
    }


def _look_alike(
    view: View, centres: Centres, code: int, centre: NDArray[np.float32] | None
) -> Json | None:
    """The unnamed cluster that is most like another, if that is like enough."""
    vectors = centres.of(view.results)
    if vectors is None or centre is None:
        return None
    cosines = vectors @ centre
    known = len(cosines)
    cosines[view.shown.sizes[:known] == 0] = -1
    if code < known:
        cosines[code] = -1
    for other in view.shown.overlay.parted.get(code, ()):
        if other < known:
            cosines[other] = -1
    best = _elsewhere(view, code, cosines)
    if best == NONE:
        return None
    rows = view.shown.unnamed_in(best)
    return {
        "cluster_id": view.shown.cluster_id(best),
        "similarity": round(float(cosines[best]), 3),
        "size": len(rows),
        "faces": view.faces(view.best(rows, LOOK_ALIKE_FACES)),
    }


def _elsewhere(view: View, code: int, cosines: NDArray[np.float32]) -> int:
    """The nearest cluster that shares no photo with another: nobody is in a photo twice."""
    photo = view.shown.said.photo
    mine = photo[view.shown.rows_in(code)]
    least = view.results.record.cluster_threshold
    near = np.flatnonzero(cosines >= least)
    for other in near[np.argsort(-cosines[near], kind="stable")][:TRIED].tolist():
        if not np.isin(photo[view.shown.rows_in(other)], mine).any():
            return int(other)
    return NONE


def _suggestion(view: View, rows: Numbers, centre: NDArray[np.float32] | None) -> Json | None:
    nearest = nearest_person(view, rows, centre)
    if nearest is None:
        return None
    person, similarity = nearest
    return view.person(person) | {"similarity": round(similarity, 3)}


def nearest_person(
    view: View, rows: Numbers, centre: NDArray[np.float32] | None
) -> tuple[str, float] | None:
    """The person whose references are most like some faces, who is not barred from them."""
    gallery = view.results.gallery
    if centre is None or not len(gallery):
        return None
    cosines = gallery.embeddings @ centre
    best = np.maximum.reduceat(cosines, gallery.starts)
    faces = view.face_ids(view.best(rows, FACES))
    for number in np.argsort(-best, kind="stable")[:TRIED].tolist():
        person = view.index.renames.now(gallery.person_ids[number], None)[0]
        if not any((face, person) in view.shown.overlay.barred for face in faces):
            return person, float(best[number])
    return None
