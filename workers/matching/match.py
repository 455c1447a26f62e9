"""Matching faces against the gallery: pure functions of arrays.

People are ranked, and a match decided, by the evidence (workers/faces/evidence.py). What is shown
beside a match is the cosine to the reference that has most of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headcount.settings import usable_cores
from workers.faces.evidence import no_weaknesses, opposed, widened
from workers.people.gallery import Gallery
from workers.runtime.threads import ordered_map
from workers.tables.embeddings import EmbeddingMatrix

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Matches:
    """Nearest person and runner-up of N faces, by the best reference or the mean of references.

    ``person`` and ``runner_up`` are positions in the gallery, NOBODY where there is none;
    ``evidence`` and ``runner_up_evidence`` are for either, NaN where there is none. ``similarity``
    is the cosine to the reference, or the mean, of the nearest person that has most evidence;
    ``reference`` is the row of that person's nearest reference in the gallery, NOBODY where it is
    not known.
    """

    person: NDArray[np.int32]
    evidence: NDArray[np.float32]
    runner_up: NDArray[np.int32]
    runner_up_evidence: NDArray[np.float32]
    similarity: NDArray[np.float32]
    reference: NDArray[np.int32]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Matches:
        """The matches in arrays by name.

        An earlier build took the cosine for the evidence, and left none of the references.
        """
        found = {"reference": np.full(len(arrays["person"]), NOBODY, np.int32), **arrays}
        found.setdefault("evidence", arrays["similarity"])
        if "runner_up_similarity" in found:
            found["runner_up_evidence"] = found.pop("runner_up_similarity")
        return cls(**found)

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
        """Lead of the nearest person's evidence over the runner-up's; NaN without a runner-up."""
        return self.evidence - self.runner_up_evidence

    @property
    def discount(self) -> NDArray[np.float32]:
        """Excess of the similarity over the evidence: the weaknesses of both pictures."""
        return self.similarity - self.evidence


@dataclass(frozen=True, slots=True)
class ReferenceMatrix:
    """Vectors of R references, and of the mean of each person with several references.

    ``embeddings`` is S x D, ``weaknesses`` S x K: a mean has the mean weaknesses of its
    references. ``opposed`` is S x (D + K), so that a widened face's products with it are the
    evidence. ``owner`` (S) is the position of the person in the gallery, ascending;
    ``starts`` and ``ends`` are the rows of each person, whose mean is the last of several;
    ``first`` is the person's first reference in the gallery.
    """

    embeddings: NDArray[np.float32]
    weaknesses: NDArray[np.float32]
    opposed: NDArray[np.float32]
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
        lacking = np.add.reduceat(gallery.weaknesses, gallery.starts, axis=0)[counts > 1]
        lacking /= counts[counts > 1, None].astype(np.float32)
        owner = np.concatenate([np.repeat(people, counts), people[counts > 1]])
        order = np.argsort(owner, kind="stable")
        rows = counts + (counts > 1)
        ends = np.cumsum(rows)
        embeddings = np.concatenate([gallery.embeddings, means])[order]
        weak = np.concatenate([gallery.weaknesses, lacking])[order]
        against = opposed(widened(embeddings, weak))
        return cls(embeddings, weak, against, owner[order], ends - rows, ends, gallery.starts)

    def nearest(self, vectors: NDArray[np.float32], person: NDArray[np.int32]) -> NDArray[np.int32]:
        """The row in the gallery of the reference of ``person`` that is nearest to each face.

        Nearest by evidence, of widened vectors; NOBODY where there is no person.
        """
        found = np.full(len(vectors), NOBODY, np.int32)
        known = np.flatnonzero(person != NOBODY)
        found[known] = self.first[person[known]]
        several = known[(self.ends - self.starts)[person[known]] > 1]
        for one in np.unique(person[several]):
            rows = several[person[several] == one]
            own = self.opposed[self.starts[one] : self.ends[one] - 1]  # without the mean
            found[rows] += (vectors[rows] @ own.T).argmax(axis=1).astype(np.int32)
        return found


def match(
    embeddings: EmbeddingMatrix,
    gallery: Gallery,
    weaknesses: NDArray[np.float32] | None = None,
    *,
    barred: Sequence[Sequence[int]] = (),
    block: int = 512,
    tile: int = 16_384,
) -> Matches:
    """Find the two nearest people of each face, by evidence.

    ``embeddings`` is N x D, of unit length, ``weaknesses`` N x K; without them no face has any.
    The evidence for a person is the highest of the person's references and their mean. ``barred``
    lists, for each face, the positions of people that it is not compared with. Memory is ``block``
    x ``tile`` products per thread. The matrix library works on one thread for each
    product: on more, the products would wait for each other.
    """
    if not len(gallery) or not len(embeddings):
        return _nobody(len(embeddings))
    references, threads = ReferenceMatrix.of(gallery), usable_cores()
    weak = no_weaknesses(len(embeddings)) if weaknesses is None else weaknesses

    def work(at: int) -> Matches:
        some = slice(at, at + block)
        vectors = widened(embeddings[some], weak[some])
        return _match_block(vectors, references, tile, barred[some])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        starts = range(0, len(embeddings), block)
        parts = list(ordered_map(pool, work, starts, ahead=2 * threads))
    return _clipped(Matches.concatenate(parts))


def _clipped(matches: Matches) -> Matches:
    """Matches with cosines of at most 1, and at least -1, and evidence of at most 1; NaN stays.

    The product of two unit vectors in float32 may be 1.0000001, and its arccos would be NaN.
    """
    return replace(
        matches,
        evidence=np.minimum(matches.evidence, 1),
        runner_up_evidence=np.minimum(matches.runner_up_evidence, 1),
        similarity=np.clip(matches.similarity, -1, 1),
    )


def _nobody(count: int) -> Matches:
    nobody = np.full(count, NOBODY, np.int32)
    nothing = np.full(count, np.nan, np.float32)
    return Matches(
        person=nobody,
        evidence=nothing,
        runner_up=nobody.copy(),
        runner_up_evidence=nothing.copy(),
        similarity=nothing.copy(),
        reference=nobody.copy(),
    )


def _match_block(
    vectors: NDArray[np.float32],
    references: ReferenceMatrix,
    tile: int,
    barred: Sequence[Sequence[int]],
) -> Matches:
    result = _nobody(len(vectors))
    for start in range(0, len(references.owner), tile):
        result = _better(result, _match_tile(vectors, references, start, start + tile, barred))
    width = references.embeddings.shape[1]
    lacking = references.weaknesses[result.reference]
    discount = np.einsum("ij,ij->i", vectors[:, width:], lacking)
    return replace(
        result,
        similarity=result.evidence + discount,
        reference=references.nearest(vectors, result.person),
    )


def _match_tile(
    vectors: NDArray[np.float32],
    references: ReferenceMatrix,
    start: int,
    end: int,
    barred: Sequence[Sequence[int]],
) -> Matches:
    """Find the two nearest people of each face among the rows from ``start`` up to ``end``.

    ``reference`` is the row of ``references`` that has most evidence, and ``similarity`` is not
    known, until all tiles were seen.
    """
    found = vectors @ references.opposed[start:end].T
    for row, people in enumerate(barred):
        for one in people:
            low, high = references.starts[one] - start, references.ends[one] - start
            found[row, max(low, 0) : max(high, 0)] = -np.inf
    owner, rows = references.owner[start:end], np.arange(len(vectors))
    best = found.argmax(axis=1)
    person, evidence = owner[best], found[rows, best]
    for row, (low, high) in enumerate(
        zip(references.starts[person] - start, references.ends[person] - start, strict=True)
    ):
        found[row, max(low, 0) : high] = -np.inf  # the same person is no runner-up
    second = found.argmax(axis=1)
    other = found[rows, second]
    nothing = np.isneginf(other)
    return Matches(
        person=person,
        evidence=evidence,
        runner_up=np.where(nothing, NOBODY, owner[second]).astype(np.int32),
        runner_up_evidence=np.where(nothing, np.nan, other).astype(np.float32),
        similarity=np.full(len(vectors), np.nan, np.float32),
        reference=(start + best).astype(np.int32),
    )


def _better(one: Matches, other: Matches) -> Matches:
    """Merge the two nearest people of two tiles; at a tie the first tile goes first."""
    people = np.stack([one.person, one.runner_up, other.person, other.runner_up], axis=1)
    found = np.stack(
        [one.evidence, one.runner_up_evidence, other.evidence, other.runner_up_evidence], axis=1
    )
    found = np.where(np.isnan(found), -np.inf, found)
    rows = np.arange(len(people))
    best = found.argmax(axis=1)
    person, evidence = people[rows, best], found[rows, best]
    found[people == person[:, None]] = -np.inf
    second = found.argmax(axis=1)
    rest = found[rows, second]
    nothing = np.isneginf(rest)
    return Matches(
        person=person,
        evidence=np.where(np.isneginf(evidence), np.nan, evidence).astype(np.float32),
        runner_up=np.where(nothing, NOBODY, people[rows, second]).astype(np.int32),
        runner_up_evidence=np.where(nothing, np.nan, rest).astype(np.float32),
        similarity=one.similarity,
        reference=np.where(best == 0, one.reference, other.reference),
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

    A face is matched if it is usable, its evidence reaches ``threshold``, its lead over the
    runner-up reaches ``margin``, and no other face of the same photo (equal numbers in
    ``photos``) is nearer to that person: nobody is in a photo twice.
    """
    good = alike_enough(matches, usable, threshold=threshold, margin=margin)
    return nearest_of_photo(good, matches.person, matches.evidence, photos)


def alike_enough(
    matches: Matches, usable: NDArray[np.bool_], *, threshold: float, margin: float
) -> NDArray[np.bool_]:
    """Mask of the N faces that may be matched by themselves, whoever else is in their photo."""
    lead = np.nan_to_num(matches.margin, nan=np.inf)
    good: NDArray[np.bool_] = usable & (matches.person != NOBODY)
    good &= np.nan_to_num(matches.evidence, nan=-1.0) >= threshold
    good &= lead >= margin
    return good


def nearest_of_photo(
    good: NDArray[np.bool_],
    person: NDArray[np.int32],
    evidence: NDArray[np.float32],
    photos: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Mask of the good faces of which none in the same photo is nearer to the same person."""
    candidates = np.flatnonzero(good)
    order = candidates[np.lexsort((-evidence[candidates], person[candidates], photos[candidates]))]
    first = np.ones(len(order), bool)
    first[1:] = (photos[order[1:]] != photos[order[:-1]]) | (
        person[order[1:]] != person[order[:-1]]
    )
    result = np.zeros(len(good), bool)
    result[order[first]] = True
    return result
