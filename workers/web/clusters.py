"""Clusters that wait for a name: the largest first, with their look-alikes and nearest people."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from workers.tables.columns import NONE
from workers.web.asked import Asked
from workers.web.describe import Json, View
from workers.web.suggestions import PERHAPS

FACES = 12
"""Faces of a cluster on the screen."""
LOOK_ALIKE_FACES = 4
TRIED = 8
"""Look-alikes that are passed over at most, since one of them is in the same photo."""


def next_clusters(view: View, asked: Asked | None, limit: int, skip: Collection[str]) -> list[Json]:
    """The largest clusters that wait for a name, but those to skip."""
    left = {code for one in skip if (code := view.shown.cluster_code(one)) != NONE}
    found = []
    for code in view.shown.order:
        if int(code) not in left:
            found.append(described(view, asked, int(code)))
        if len(found) >= limit:
            break
    return found


def described(view: View, asked: Asked | None, code: int) -> Json:
    """A cluster with its best faces, what looks like it, and who it perhaps is."""
    rows = view.shown.unnamed_in(code)
    if not view.results.placed.is_set():
        view.results.place(rows[:FACES])
    group = NONE if asked is None else asked.group_of(rows)
    known = asked is not None and group != NONE
    return {
        "cluster_id": view.shown.cluster_id(code),
        "size": len(rows),
        "faces": view.faces(view.best(rows, FACES)),
        "look_alike": _look_alike(view, asked, code, group) if asked and known else None,
        "suggestion": _suggestion(view, asked, group) if asked and known else None,
    }


def _look_alike(view: View, asked: Asked, code: int, group: int) -> Json | None:
    """The unnamed cluster that is most like another, if that is like enough."""
    record, photo = view.results.record, view.shown.said.photo
    least = record.cluster_threshold - record.cosine_per_decade
    mine = photo[view.shown.rows_in(code)]
    for other in asked.suggestions.look_alikes(group, TRIED):
        if other.similarity < least:
            break
        [row, *_] = asked.suggestions.question(other.group).rows
        at = int(view.shown.overlay.cluster[row])
        if at in (NONE, code) or np.isin(photo[view.shown.rows_in(at)], mine).any():
            continue  # nobody is in a photo twice
        rows = view.shown.unnamed_in(at)
        return {
            "cluster_id": view.shown.cluster_id(at),
            "similarity": round(other.similarity, 3),
            "size": len(rows),
            "faces": view.faces(view.best(rows, LOOK_ALIKE_FACES)),
        }
    return None


def _suggestion(view: View, asked: Asked, group: int) -> Json | None:
    """Who a cluster perhaps is."""
    found = asked.suggestions.question(group)
    if found.person == NONE or found.chance < PERHAPS:
        return None
    about = {"similarity": round(found.similarity, 3), "probability": round(found.chance, 3)}
    return view.person(asked.person_at(found.person)) | about
