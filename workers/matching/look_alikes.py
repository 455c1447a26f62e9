"""People of one gallery whose references are as alike as those of one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from workers.faces.evidence import widened
from workers.matching.calibration import search_threshold
from workers.matching.match import ReferenceMatrix
from workers.people.gallery import Gallery

MOST_ROWS = 20_000
"""References that are compared with each other, with the means of people: some seconds. A larger
gallery is not looked through."""
TOLD = 20
"""Pairs of people that are told, at most: those most alike."""
WRONGLY_TOLD = 0.1
"""Pairs of people who are told though they only happen to look alike, on average per gallery."""
BLOCK = 1_024
"""References that are compared with all others together."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Two people by id and name, and the cosine of their two most alike references."""

    person_ids: tuple[str, str]
    names: tuple[str, str]
    similarity: float


def look_alikes(gallery: Gallery, pack: PackRecord) -> list[LookAlike]:
    """Pairs of people whose references are as alike as two of one person, the most alike first.

    That much evidence is needed for a match, and more the more pairs of references there are.
    """
    count = len(gallery.embeddings)
    references = ReferenceMatrix.of(gallery) if count else None
    if references is None or len(references.owner) > MOST_ROWS:
        return []
    threshold = search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=count * (count - 1) // 2,
        false_positives=WRONGLY_TOLD,
    )
    one, other, evidence = _alike(references, threshold)
    order = np.argsort(-evidence, kind="stable")
    width = np.int64(len(gallery))
    pair = references.owner[one[order]] * width + references.owner[other[order]]
    first = np.sort(np.unique(pair, return_index=True)[1])[:TOLD]
    best = zip(one[order[first]].tolist(), other[order[first]].tolist(), strict=True)
    return [_told(gallery, references, *rows) for rows in best]


def _alike(
    references: ReferenceMatrix, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of rows of two people, in order, whose evidence reaches the threshold; the evidence."""
    vectors = widened(references.embeddings, references.weaknesses)
    parts = []
    for start in range(0, len(vectors), BLOCK):
        found = vectors[start : start + BLOCK] @ references.opposed[start:].T
        row, column = np.nonzero(found >= threshold)
        two = references.owner[start + row] < references.owner[start + column]
        row, column = row[two], column[two]
        parts.append((start + row, start + column, found[row, column]))
    one, other, evidence = (np.concatenate(values) for values in zip(*parts, strict=True))
    return one, other, evidence


def _told(gallery: Gallery, references: ReferenceMatrix, one: int, other: int) -> LookAlike:
    """The people of two rows."""
    first, second = int(references.owner[one]), int(references.owner[other])
    cosine = float(references.embeddings[one] @ references.embeddings[other])
    return LookAlike(
        (gallery.person_ids[first], gallery.person_ids[second]),
        (gallery.names[first], gallery.names[second]),
        round(min(cosine, 1.0), 4),
    )
