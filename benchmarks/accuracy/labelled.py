"""Faces of labelled photos with all that the product knows of them, for several benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import Faces, central_faces, joined
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.evidence import PARTS, evidence, evidence_of_pairs, weaknesses
from workers.models.packs.open import open_pack
from workers.people.gallery import Gallery


def labelled(folder: Path, model: str, kept: Path | None = None) -> Faces:
    """Usable central faces of photos, one folder per person; or those kept in a file."""
    if kept is not None and kept.exists():
        return Faces.load(kept)
    pack = open_pack(model, Settings(), S3Settings())
    photos = sorted(path for path in folder.rglob("*") if path.is_file())
    faces = joined(list(central_faces(photos, pack)))
    if kept is not None:
        faces.save(kept)
    return faces


def weak_of(faces: Faces, pack: PackRecord) -> NDArray[np.float32]:
    """Weaknesses of N faces as a run has them: N x K."""
    return weaknesses({name: faces.parts[name] for name in PARTS}, pack.cosine_per_decade)


def evidence_of(faces: Faces, pack: PackRecord) -> NDArray[np.float32]:
    """Evidence of all pairs of N faces: N x N."""
    weak = weak_of(faces, pack)
    return evidence(faces.embeddings @ faces.embeddings.T, weak, weak)


def evidence_between(
    faces: Faces, one: NDArray[np.int64], other: NDArray[np.int64], pack: PackRecord
) -> NDArray[np.float32]:
    """Evidence of the pairs of these rows."""
    weak = weak_of(faces, pack)
    cosines = np.einsum("ij,ij->i", faces.embeddings[one], faces.embeddings[other])
    return evidence_of_pairs(cosines, weak[one], weak[other])


def gallery_of(
    vectors: NDArray[np.float32], weak: NDArray[np.float32], names: NDArray[np.str_]
) -> Gallery:
    """A gallery of people with equally many references each."""
    people, photos = tuple(names.tolist()), tuple(map(str, range(len(vectors))))
    starts = np.arange(len(people), dtype=np.intp) * (len(vectors) // len(people))
    boxes = np.zeros((len(vectors), 4), np.float32)
    return Gallery(people, people, starts, vectors, weak, photos, photos, boxes)
