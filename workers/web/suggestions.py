"""The questions of the page: which cluster or face is likely which person, in a good order."""

from __future__ import annotations

from collections.abc import Collection
from math import exp

import numpy as np

from workers.tables.columns import NONE
from workers.web.clusters import Centres
from workers.web.describe import Json, View

FACES = 8
REFERENCES = 4
LOOKED_AT = 4000
"""Clusters that are compared with everybody, the largest."""
BELOW = 0.12
"""Cosine below what a name needs, at which a question is still worth it."""
BLOCK = 512


def suggestions(view: View, centres: Centres, limit: int, skip: Collection[str]) -> list[Json]:
    """Questions, those first that likely name most faces."""
    found = []
    for code, number, cosine in _ranked(view, centres):
        person = view.index.renames.now(view.results.gallery.person_ids[number], None)[0]
        cluster = view.shown.cluster_id(code)
        if f"{cluster}:{person}" in skip or cluster in skip or _is_barred(view, code, person):
            continue
        found.append(_described(view, code, person, cosine))
        if len(found) >= limit:
            break
    return found


def _ranked(view: View, centres: Centres) -> list[tuple[int, int, float]]:
    """Clusters with the nearest person of the gallery of each and the cosine, best first."""
    vectors, gallery = centres.of(view.results), view.results.gallery
    if vectors is None or not len(gallery):
        return []
    codes = view.shown.order[:LOOKED_AT]
    codes = codes[codes < len(vectors)]
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, len(codes), BLOCK):
        part = codes[start : start + BLOCK]
        best = np.maximum.reduceat(vectors[part] @ gallery.embeddings.T, gallery.starts, axis=1)
        nearest = best.argmax(axis=1)
        pairs += zip(part.tolist(), nearest.tolist(), best.max(axis=1).tolist(), strict=True)
    least = view.results.record.threshold - BELOW
    near = [pair for pair in pairs if pair[2] >= least]
    return sorted(near, key=lambda pair: -_chance(view, pair[2]) * float(view.shown.sizes[pair[0]]))


def _is_barred(view: View, code: int, person: str) -> bool:
    if not view.shown.overlay.barred:
        return False
    faces = view.face_ids(view.shown.unnamed_in(code)[:LOOKED_AT])
    return any((face, person) in view.shown.overlay.barred for face in faces)


def _chance(view: View, cosine: float) -> float:
    """The chance that two faces of a cosine are one person, by the pack's own figures."""
    figures = view.results.record.calibration
    if figures is None:
        return max(0.0, min(1.0, cosine))
    return 1 / (1 + exp(-(figures[0] * cosine + figures[1])))


def _described(view: View, code: int, person: str, cosine: float) -> Json:
    rows = view.shown.unnamed_in(code)
    best = view.best(rows, FACES)
    cluster = view.shown.cluster_id(code)
    return {
        "id": f"{cluster}:{person}",
        "cluster_id": cluster if code != NONE else None,
        "size": len(rows),
        "faces": view.faces(best, view.similarities(best, person)),
        "person": {
            key: view.person(person)[key] for key in ("person_id", "person", "portrait", "image")
        },
        "references": view.shown_references(person, REFERENCES),
        "similarity": round(cosine, 3),
        "probability": round(_chance(view, cosine), 3),
    }
