"""The people whom a face is most like, each with the references that it was compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.faces.evidence import widened
from workers.people.gallery import Gallery
from workers.tools.explain.moment import Moment

PEOPLE = 5
"""People who are told, at most."""
REFERENCES = 5
"""References of each that are told, at most: those nearest."""


def people_alike(
    moment: Moment,
    embedding: NDArray[np.float32],
    weakness: NDArray[np.float32],
    barred: frozenset[str] = frozenset(),
) -> list[dict[str, Any]]:
    """The PEOPLE nearest to one face, by evidence; the ``barred`` too, who are marked."""
    gallery = moment.gallery
    if not len(gallery):
        return []
    held = moment.references
    found = held.opposed @ widened(embedding[None], weakness[None])[0]
    best = np.maximum.reduceat(found, held.starts)
    order = np.argsort(-best, kind="stable")[:PEOPLE]
    return [
        {
            **_person(gallery, person),
            "worth": min(float(best[person]), 1.0),
            "by": _by(found[held.starts[person] : held.ends[person]]),
            "not_this_person": gallery.person_ids[person] in barred,
            "references": _references(moment, person, embedding, weakness),
        }
        for person in order.tolist()
    ]


def reference(gallery: Gallery, row: int) -> dict[str, Any]:
    """A reference: its row in the gallery, and the photo and box that it was taken from."""
    return {
        "row": row,
        "source": gallery.sources[row],
        "photo": gallery.photos[row],
        "box": [float(value) for value in gallery.boxes[row]],
        "orientation": gallery.orientation(row),
    }


def _person(gallery: Gallery, person: int) -> dict[str, Any]:
    return {
        "person_id": gallery.person_ids[person],
        "person": gallery.names[person],
        "reference_count": len(gallery.references(person)),
    }


def _by(found: NDArray[np.float32]) -> str:
    """Whether a reference of a person has most evidence, or the mean of several, which is last."""
    return "mean" if len(found) > 1 and int(found.argmax()) == len(found) - 1 else "reference"


def _references(
    moment: Moment, person: int, embedding: NDArray[np.float32], weakness: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """The references of a person that are nearest to a face, by evidence."""
    gallery = moment.gallery
    rows = np.array(gallery.references(person))
    cosines = gallery.embeddings[rows] @ embedding
    worth = cosines - gallery.weaknesses[rows] @ weakness
    order = np.argsort(-worth, kind="stable")[:REFERENCES]
    return [
        {
            **reference(gallery, int(rows[n])),
            "similarity": float(np.clip(cosines[n], -1, 1)),
            "worth": min(float(worth[n]), 1.0),
        }
        for n in order.tolist()
    ]
