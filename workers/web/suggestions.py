"""The questions of the page as JSON: whether faces are a person, or who they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from workers.identity.questions import Question
from workers.tables.columns import NONE, Numbers
from workers.web.asked import Asked
from workers.web.describe import Json, View

FACES = 8
REFERENCES = 4
PERHAPS = 0.3
"""Least chance of a person who is proposed for faces that are asked about alone."""


def suggestions(
    view: View, asked: Asked | None, limit: int, skip: Collection[str], *, sheet: bool = False
) -> list[Json]:
    """The questions of the next answer: a sheet of suggestions, or one question alone.

    ``sheet``: never one without a person. While the order is being made, the largest clusters are
    asked about, without a person.
    """
    if asked is None:
        heads = {one.partition(":")[0] for one in skip}
        return [] if sheet else _largest(view, limit, heads)
    groups = _groups(view, asked, skip)
    if sheet:
        found = asked.suggestions.sheet(limit, groups)
    else:
        found = asked.suggestions.next(limit, groups)
    if len(found) == 1 and found[0].chance < PERHAPS and not sheet:
        return [_card(view, found[0].rows, found[0].shown)]
    return [_described(view, asked, one) for one in found]


def _largest(view: View, limit: int, skip: Collection[str]) -> list[Json]:
    left = {view.shown.cluster_code(one) for one in skip}
    codes = [int(code) for code in view.shown.order[: limit + len(left)] if int(code) not in left]
    return [_card(view, view.shown.unnamed_in(code)) for code in codes[:limit]]


def _groups(view: View, asked: Asked, skip: Iterable[str]) -> set[int]:
    """Groups by the ids of questions: a cluster's or a face's, then the person's."""
    heads = {one.partition(":")[0] for one in skip}
    codes = {one: view.shown.cluster_code(one) for one in heads}
    groups = {
        asked.group_of(view.shown.unnamed_in(code)) for code in codes.values() if code != NONE
    }
    rows = view.shown.said.rows_by_id({one for one, code in codes.items() if code == NONE})
    return groups | {asked.group_of(some) for some in rows.values()}


def _described(view: View, asked: Asked, one: Question) -> Json:
    if one.person == NONE:
        return _card(view, one.rows, one.shown)
    person = asked.person_at(one.person)
    about = {key: view.person(person)[key] for key in ("person_id", "person", "portrait", "image")}
    card = _card(view, one.rows, one.shown)
    return card | {
        "id": f"{card['id']}{person}",
        "faces": view.faces(one.shown[:FACES], view.similarities(one.shown[:FACES], person)),
        "person": about,
        "references": view.shown_references(person, REFERENCES),
        "similarity": round(one.similarity, 3),
        "probability": round(one.chance, 3),
    }


def _card(view: View, rows: Numbers, shown: Numbers | None = None) -> Json:
    """A question without a person; ``ids`` are all its faces where it is no whole cluster."""
    shown = view.best(rows, FACES) if shown is None else shown[:FACES]
    cluster = _cluster(view, rows)
    ids = None if cluster else view.face_ids(rows)
    return {
        "id": f"{cluster or (ids or [''])[0]}:",
        "cluster_id": cluster,
        "ids": ids,
        "size": len(rows),
        "faces": view.faces(shown),
        "person": None,
        "references": [],
        "similarity": None,
        "probability": None,
    }


def _cluster(view: View, rows: Numbers) -> str | None:
    """The cluster whose unnamed faces these are, all of them."""
    code = int(view.shown.overlay.cluster[rows[0]]) if len(rows) else NONE
    if code == NONE or not np.array_equal(np.sort(view.shown.unnamed_in(code)), np.sort(rows)):
        return None
    return view.shown.cluster_id(code)
