"""Matching faces against the gallery: pure functions of arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from workers.people.gallery import Gallery
from workers.runtime.threads import ordered_map
from workers.tables.embeddings import EmbeddingMatrix

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Matches:
    """Nearest person and runner-up of N faces, by the best reference or the mean of references.

    ``person`` and ``runner_up`` are positions in the gallery, NOBODY where there is none;
    ``similarity`` and ``runner_up_similarity`` are cosines, NaN where there is none; ``reference``
    is the row of the person's nearest reference in the gallery, NOBODY where it is not known.
    """

    person: NDArray[np.int32]
    similarity: NDArray[np.float32]
    runner_up: NDArray[np.int32]
    runner_up_similarity: NDArray[np.float32]
    reference: NDArray[np.int32]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Matches:
        """The matches in arrays by name; an earlier build left none of the references."""
        unknown = {"reference": np.full(len(arrays["person"]), NOBODY, np.int32)}
        return cls(**{**unknown, **arrays})

    @classmethod
    def concatenate(cls, parts: Sequence[Matches]) -> Matches:
        """Join the matches of parts of the faces."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def at(self, rows: NDArray[np.int64]) -> Matches:
        """Select the matches of some faces."""
        return Matches(**{name: values[rows] for name, values in self.arrays().items()})

    @property
    def margin(self) -> NDArray[np.float32]:
        """Lead of the nearest person over the runner-up; NaN without a runner-up."""
        return self.similarity - self.runner_up_similarity


@dataclass(frozen=True, slots=True)
class ReferenceMatrix:
    """Embeddings of R references, and of the mean of each person with several references.

    ``embeddings`` is S x D; ``owner`` (S) is the position of the person in the gallery, ascending;
    ``starts`` and ``ends`` are the rows of each person, whose mean is the last of several;
    ``first`` is the person's first reference in the gallery.
    """

    embeddings: NDArray[np.float32]
    owner: NDArray[np.int32]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    first: NDArray[np.intp]

    @classmethod
    def of(cls, gallery: Gallery) -> ReferenceMatrix:
        """Build the matrix of a gallery.

        Measured (benchmarks/accuracy/identification.py): at a false positive rate of 1 in 100 the
        mean as one more reference beats the best reference alone, and unlike the mean alone it
        survives a wrong reference; weighting by quality changed nothing.
        """
        counts = np.diff(gallery.starts, append=len(gallery.embeddings))
        people = np.arange(len(counts), dtype=np.int32)
        means = np.add.reduceat(gallery.embeddings, gallery.starts, axis=0)[counts > 1]
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.float32(1e-12))
        owner = np.concatenate([np.repeat(people, counts), people[counts > 1]])
        order = np.argsort(owner, kind="stable")
        rows = counts + (counts > 1)
        ends = np.cumsum(rows)
        embeddings = np.concatenate([gallery.embeddings, means])[order]
        return cls(embeddings, owner[order], ends - rows, ends, gallery.starts)

    def nearest(self, faces: NDArray[np.float32], person: NDArray[np.int32]) -> NDArray[np.int32]:
        """The row in the gallery of the reference of ``person`` that is nearest to each face.

        NOBODY where there is no person.
        """
        found = np.full(len(faces), NOBODY, np.int32)
        known = np.flatnonzero(person != NOBODY)
        found[known] = self.first[person[known]]
        several = known[(self.ends - self.starts)[person[known]] > 1]
        for one in np.unique(person[several]):
            rows = several[person[several] == one]
            own = self.embeddings[self.starts[one] : self.ends[one] - 1]  # without the mean
            found[rows] += (faces[rows] @ own.T).argmax(axis=1).astype(np.int32)
        return found


def match(
    embeddings: EmbeddingMatrix,
    gallery: Gallery,
    *,
    barred: Sequence[Sequence[int]] = (),
    block: int = 512,
    tile: int = 16_384,
) -> Matches:
    """Find the two nearest people of each face. ``embeddings`` is N x D, of unit length.

    The similarity of a person is the highest cosine to the person's references and their mean.
    ``barred`` lists, for each face, the positions of people that it is not compared with. Memory
    is ``block`` x ``tile`` cosines per thread. The matrix library works on one thread for each
    product: on more, the products would wait for each other.
    """
    if not len(gallery) or not len(embeddings):
        return _nobody(len(embeddings))
    references, threads = ReferenceMatrix.of(gallery), os.cpu_count() or 1

    def work(at: int) -> Matches:
        return _match_block(embeddings[at : at + block], references, tile, barred[at : at + block])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        starts = range(0, len(embeddings), block)
        parts = list(ordered_map(pool, work, starts, ahead=2 * threads))
    return Matches.concatenate(parts)


def _nobody(count: int) -> Matches:
    nobody = np.full(count, NOBODY, np.int32)
    nothing = np.full(count, np.nan, np.float32)
    return Matches(nobody, nothing, nobody.copy(), nothing.copy(), nobody.copy())


def _match_block(
    faces: NDArray[np.float32],
    references: ReferenceMatrix,
    tile: int,
    barred: Sequence[Sequence[int]],
) -> Matches:
    result = _nobody(len(faces))
    for start in range(0, len(references.owner), tile):
        result = _better(result, _match_tile(faces, references, start, start + tile, barred))
    return replace(result, reference=references.nearest(faces, result.person))


def _match_tile(
    faces: NDArray[np.float32],
    references: ReferenceMatrix,
    start: int,
    end: int,
    barred: Sequence[Sequence[int]],
) -> Matches:
    """Find the two nearest people of each face among the rows from ``start`` up to ``end``.

    Their references are found last, when all tiles were seen.
    """
    cosines = faces @ references.embeddings[start:end].T
    for row, people in enumerate(barred):
        for one in people:
            low, high = references.starts[one] - start, references.ends[one] - start
            cosines[row, max(low, 0) : max(high, 0)] = -np.inf
    owner, rows = references.owner[start:end], np.arange(len(faces))
    best = cosines.argmax(axis=1)
    person, similarity = owner[best], cosines[rows, best]
    for row, (low, high) in enumerate(
        zip(references.starts[person] - start, references.ends[person] - start, strict=True)
    ):
        cosines[row, max(low, 0) : high] = -np.inf  # the same person is no runner-up
    second = cosines.argmax(axis=1)
    other = cosines[rows, second]
    nothing = np.isneginf(other)
    return Matches(
        person,
        similarity,
        np.where(nothing, NOBODY, owner[second]).astype(np.int32),
        np.where(nothing, np.nan, other).astype(np.float32),
        np.full(len(faces), NOBODY, np.int32),
    )


def _better(one: Matches, other: Matches) -> Matches:
    """Merge the two nearest people of two tiles; at a tie the first tile goes first."""
    people = np.stack([one.person, one.runner_up, other.person, other.runner_up], axis=1)
    cosines = np.stack(
        [one.similarity, one.runner_up_similarity, other.similarity, other.runner_up_similarity],
        axis=1,
    )
    cosines = np.where(np.isnan(cosines), -np.inf, cosines)
    rows = np.arange(len(people))
    best = cosines.argmax(axis=1)
    person, similarity = people[rows, best], cosines[rows, best]
    cosines[people == person[:, None]] = -np.inf
    second = cosines.argmax(axis=1)
    rest = cosines[rows, second]
    nothing = np.isneginf(rest)
    return Matches(
        person,
        np.where(np.isneginf(similarity), np.nan, similarity).astype(np.float32),
        np.where(nothing, NOBODY, people[rows, second]).astype(np.int32),
        np.where(nothing, np.nan, rest).astype(np.float32),
        one.reference,
    )


def accepted(
    matches: Matches,
    usable: NDArray[np.bool_],
    photos: NDArray[np.int64],
    *,
    threshold: float,
    margin: float,
) -> NDArray[np.bool_]:
    """Mask of the N faces that are matched to their nearest person.

    A face is matched if it is usable, its similarity reaches ``threshold``, its lead over the
    runner-up reaches ``margin``, and no other face of the same photo (equal numbers in
    ``photos``) is nearer to that person: nobody is in a photo twice.
    """
    lead = np.nan_to_num(matches.margin, nan=np.inf)
    good = usable & (matches.person != NOBODY)
    good &= np.nan_to_num(matches.similarity, nan=-1.0) >= threshold
    good &= lead >= margin
    candidates = np.flatnonzero(good)
    order = candidates[
        np.lexsort(
            (
                -matches.similarity[candidates],
                matches.person[candidates],
                photos[candidates],
            )
        )
    ]
    first = np.ones(len(order), bool)
    first[1:] = (photos[order[1:]] != photos[order[:-1]]) | (
        matches.person[order[1:]] != matches.person[order[:-1]]
    )
    result = np.zeros(len(good), bool)
    result[order[first]] = True
    return result


def probability(
    similarity: NDArray[np.float32], calibration: tuple[float, float] | None
) -> NDArray[np.float32]:
    """Probability that a match of this similarity is right, by a logistic; NaN without one."""
    if calibration is None:
        return np.full(len(similarity), np.nan, np.float32)
    slope, intercept = calibration
    chance: NDArray[np.float32] = 1.0 / (1.0 + np.exp(-(slope * similarity + intercept)))
    return chance.astype(np.float32)
