"""Faces of a run that nobody was given, and people to whom they are compared by made-up cosines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workers.identity.candidates import Cosines, Search, UnclaimedFaces
from workers.tables.columns import Numbers

THRESHOLD, MARGIN = 0.5, 0.05


@dataclass(frozen=True)
class Made:
    """A matrix of cosines of all faces to all people; an embedding is a face's row of it."""

    matrix: Cosines

    @property
    def embeddings(self) -> Cosines:
        return self.matrix

    def select(self, people: Numbers) -> Chosen:
        return Chosen(people)

    def cosines(self, faces: Numbers, people: Numbers) -> Cosines:
        return self.matrix[np.ix_(faces, people)]


@dataclass(frozen=True)
class Chosen:
    people: Numbers

    def cosines(self, embeddings: Cosines) -> Cosines:
        return embeddings[:, self.people]


def faces_of(
    photos: Sequence[str],
    cosines: Mapping[str, Sequence[float]],
    people: Sequence[str],
    decisions: Mapping[str, tuple[str, str | None]] | None = None,
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
    return Search(unclaimed, Made(matrix), ids, THRESHOLD, MARGIN)
