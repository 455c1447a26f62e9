"""Faces of a run that nobody was given, and people to whom they are compared by made-up cosines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workers.faces.evidence import Floats
from workers.identity.candidates import Search, UnclaimedFaces
from workers.tables.columns import Numbers

THRESHOLD, MARGIN = 0.5, 0.05


@dataclass(frozen=True)
class Made:
    """Cosines of all faces to all people, and what each face's are worth less.

    A vector is a face's row of the evidence.
    """

    matrix: Floats
    discounts: Floats

    def vectors(self, faces: Numbers) -> Floats:
        return (self.matrix - self.discounts[:, None])[faces]

    def select(self, people: Numbers) -> Chosen:
        return Chosen(people)

    def evidence(self, faces: Numbers, people: Numbers) -> Floats:
        return self.vectors(faces)[:, people]

    def cosines(self, faces: Numbers, people: Numbers) -> Floats:
        return self.matrix[faces, people]


@dataclass(frozen=True)
class Chosen:
    people: Numbers

    def evidence(self, vectors: Floats) -> Floats:
        return vectors[:, self.people]


def faces_of(
    photos: Sequence[str],
    cosines: Mapping[str, Sequence[float]],
    people: Sequence[str],
    decisions: Mapping[str, tuple[str, str | None]] | None = None,
    discounts: Sequence[float] | None = None,
) -> pa.Table:
    """Faces of the photos, face n with the ``cosines`` of each person at n; sorted by photo."""
    matrix = np.array([cosines[p] for p in people], np.float32).T
    order = np.argsort(-matrix, axis=1)
    best = np.take_along_axis(matrix, order, axis=1)
    ids = [f"f{n}" for n in range(len(photos))]
    said = [(decisions or {}).get(face, ("unknown", None)) for face in ids]
    return pa.table(
        {
            "photo": list(photos),
            "face_id": ids,
            "decision": [decision for decision, _ in said],
            "person_id": pa.array([person for _, person in said], pa.string()),
            "person": pa.array([person for _, person in said], pa.string()),
            "nearest_person_id": [people[n] for n in order[:, 0]],
            "similarity": best[:, 0],
            "discount": np.array(discounts or [0.0] * len(photos), np.float32),
            "margin": best[:, 0] - best[:, 1],
            "quality": np.full(len(photos), 0.9, np.float32),
            "probability": np.full(len(photos), 0.1, np.float32),
            "evidence": pa.nulls(len(photos), pa.string()),
        }
    )


def search_of(
    faces: pa.Table,
    cosines: Mapping[str, Sequence[float]],
    people: Sequence[str],
    rejected: Collection[tuple[str, str]] = (),
) -> Search:
    ids = pa.array(people, pa.string())
    matrix = np.array([cosines[p] for p in people], np.float32).T
    unclaimed = UnclaimedFaces.of(faces, ids, rejected)
    compared = Made(matrix, faces["discount"].to_numpy())
    return Search(unclaimed, compared, ids, THRESHOLD, MARGIN)
