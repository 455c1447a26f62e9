"""Joining faces to groups by average linkage, round by round, a chunk of pairs at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.clustering.pair_keys import Keys, between, buckets, each_once, higher, lower
from workers.tables.embeddings import take

CHUNK = 1 << 16
"""Pairs of groups that are looked at together: they stay in a core's cache."""
CHUNKS = 256
"""Chunks are larger where there would be more of them."""
COMPARED = 1 << 12
"""Pairs of groups whose sums are fetched together."""
NOBODY = np.iinfo(np.int32).max
"""No group."""


@dataclass(frozen=True, slots=True)
class LinkageRule:
    """How alike two groups must be to be one person.

    The mean cosine over all pairs of an m-strong and an n-strong group must reach
    ``group + (pair - group) / sqrt(m n)``: ``pair`` for two single faces, near ``group`` for two
    large groups, since the mean over impostor pairs scatters less the more pairs there are.
    """

    pair: float
    group: float

    @property
    def least_of_all(self) -> float:
        """What is asked of no two groups less than."""
        return min(self.group, self.pair)

    def least(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean cosine that is asked of groups of these sizes."""
        return self.group + (self.pair - self.group) / np.sqrt(first * second)


@dataclass(frozen=True, slots=True)
class Chunk:
    """K pairs of groups that have neighbours in each other, and the mean cosine over their faces.

    ``first`` and ``second`` (K) are the groups; ``mean`` (K) has no unit.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    mean: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, which: NDArray[np.bool_]) -> Chunk:
        return Chunk(self.first[which], self.second[which], self.mean[which])

    @classmethod
    def together(cls, chunks: Sequence[Chunk]) -> Chunk:
        """One after the other."""
        if len(chunks) == 1:
            return chunks[0]
        return cls(
            np.concatenate([chunk.first for chunk in chunks]),
            np.concatenate([chunk.second for chunk in chunks]),
            np.concatenate([chunk.mean for chunk in chunks]),
        )


def _packed(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The same pairs in no more chunks than half-full ones would be."""
    held: list[Chunk] = []
    for chunk in chunks:
        if held and sum(map(len, held)) + len(chunk) > CHUNK:
            yield Chunk.together(held)
            held = []
        if len(chunk):
            held.append(chunk)
    if held:
        yield Chunk.together(held)


class Groups:
    """N faces in groups, and the pairs of groups that have neighbours in each other.

    Average linkage by reciprocal best pairs (Sumengen et al. 2021, arXiv 2105.11653): the mean
    cosine over all pairs of two groups is the product of their embeddings' sums over the product
    of their sizes, so a group is a sum and a size. All best pairs of a round are joined at once;
    what two groups do depends on their neighbourhood alone, so that a few more faces elsewhere
    change nothing here.

    A group is known by its lowest face. ``bound`` (N) is that of each face to begin with; ``apart``
    (K x 2) are pairs of faces whose groups may not be joined. The embeddings, N x D, become the
    sums. ``pool`` does the work by chunks; how many threads it has makes no difference.
    """

    def __init__(
        self,
        embeddings: NDArray[np.float32],
        bound: NDArray[np.int32],
        rule: LinkageRule,
        *,
        apart: NDArray[np.integer],
        pool: Executor,
    ) -> None:
        count = len(embeddings)
        self._rule, self._pool = rule, pool
        self.labels = bound
        """The group of each face."""
        self._total = embeddings
        self._size = np.bincount(bound, minlength=count).astype(np.float64)
        led = np.flatnonzero(bound != np.arange(count))
        np.add.at(self._total, bound[led], self._total[led])
        ordered = apart[np.argsort(apart[:, 0], kind="stable")]
        self._apart = [
            np.ascontiguousarray(ordered[at : at + CHUNK].T) for at in range(0, len(apart), CHUNK)
        ]
        self._enough: list[Chunk] = []
        self._less: list[Chunk] = []

    def meet(self, parts: Sequence[Keys]) -> None:
        """Take in pairs of groups that have neighbours in each other, in sorted parts."""
        total = sum(map(len, parts))
        number = min(CHUNKS, 1 + total // CHUNK) if total else 0
        sliced = buckets(parts, len(self.labels), number)
        for enough, less in self._pool.map(self._compared, sliced):
            self._enough.append(enough)
            self._less.append(less)

    def join(self, pairs: NDArray[np.int32]) -> None:
        """Make one group of each of K x 2 pairs, of which no two share a group."""
        one, other = pairs.T
        self._total[one] += self._total[other]
        self._size[one] += self._size[other]
        group = np.arange(len(self.labels), dtype=np.int32)
        group[other] = one
        self.labels = group[self.labels]
        changed = np.zeros(len(group), bool)
        changed[pairs] = True

        def part(chunk: Chunk) -> tuple[Chunk, Keys]:
            anew = changed[chunk.first] | changed[chunk.second]
            return chunk[~anew], between(group[chunk.first[anew]], group[chunk.second[anew]])

        near = list(self._pool.map(part, self._enough + self._less))
        cut = len(self._enough)
        self._enough = list(_packed(chunk for chunk, _ in near[:cut]))
        self._less = list(_packed(chunk for chunk, _ in near[cut:]))
        self.meet([keys for _, keys in near if len(keys)])

    def reciprocal_nearest(self) -> NDArray[np.int32]:
        """The pairs that may be joined and in which each is the other's nearest, K x 2."""
        nearest = self._nearest()
        while (barred := self._barred(nearest)) is not None:
            self._drop(barred)
            nearest = self._nearest()
        one = np.flatnonzero(nearest != NOBODY)
        one = one[(nearest[nearest[one]] == one) & (one < nearest[one])]
        return np.stack([one.astype(np.int32), nearest[one]], axis=1)

    def _compared(self, parts: Sequence[Keys]) -> tuple[Chunk, Chunk]:
        """The pairs of a bucket of which the mean is enough, and the others."""
        keys = each_once(*parts)
        chunk = Chunk(lower(keys), higher(keys), np.empty(len(keys), np.float32))
        enough = np.empty(len(keys), bool)
        held = np.empty((2, min(COMPARED, len(keys)), self._total.shape[1]), np.float32)
        for start in range(0, len(keys), COMPARED):
            some = slice(start, start + COMPARED)
            one, other = chunk.first[some], chunk.second[some]
            sums = take(self._total, one, held[0]), take(self._total, other, held[1])
            product = np.einsum("ij,ij->i", *sums)
            faces, others = self._size[one], self._size[other]
            chunk.mean[some] = product / (faces * others)
            enough[some] = chunk.mean[some] >= self._rule.least(faces, others)
        return chunk[enough], chunk[~enough]

    def _nearest(self) -> NDArray[np.int32]:
        """Of each group that of those near enough which is nearest, or NOBODY.

        Of several that are equally near it is the lowest.
        """
        best = np.full(len(self.labels), -np.inf, np.float32)
        nearest = np.full(len(best), NOBODY, np.int32)
        for chunk in self._enough:
            for side in (chunk.first, chunk.second):
                np.maximum.at(best, side, chunk.mean)
        for chunk in self._enough:
            for side, other in ((chunk.first, chunk.second), (chunk.second, chunk.first)):
                top = chunk.mean == best[side]
                np.minimum.at(nearest, side[top], other[top])
        return nearest

    def _barred(self, nearest: NDArray[np.int32]) -> NDArray[np.int32] | None:
        """Of each group its nearest, where the two may not be joined; None where all may be."""
        barred = np.full(len(nearest), NOBODY, np.int32)
        seeking = (nearest != NOBODY)[self.labels]

        def bar(faces: NDArray[np.integer]) -> bool:
            asked = np.flatnonzero(seeking[faces[0]] | seeking[faces[1]])
            one, other = (self.labels[side[asked]] for side in faces)
            hit = False
            for here, there in ((one, other), (other, one)):
                at = np.flatnonzero(nearest[here] == there)
                barred[here[at]] = there[at]
                hit |= len(at) > 0
            return hit

        return barred if any(list(self._pool.map(bar, self._apart))) else None

    def _drop(self, barred: NDArray[np.int32]) -> None:
        """Leave out what would be joined next and may not be."""

        def kept(chunk: Chunk) -> Chunk:
            bad = barred[chunk.first] == chunk.second
            bad |= barred[chunk.second] == chunk.first
            return chunk[~bad] if bad.any() else chunk

        self._enough = list(self._pool.map(kept, self._enough))
