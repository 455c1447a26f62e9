"""Average linkage: faces are merged to groups round by round, a chunk of pairs at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.clustering.pair_keys import Keys, between, buckets, each_once, higher, lower
from workers.faces.evidence import KINDS
from workers.tables.embeddings import take

CHUNK = 1 << 16
"""Pairs of groups that are worked on together: they stay in a core's cache."""
CHUNKS = 256
"""Chunks at most; where that is too few for the pairs, chunks are larger."""
COMPARED = 1 << 12
"""Pairs of groups whose sums are fetched together."""
FEW = 3
"""Faces of a small group, whose likeness to another may be low by chance.

Measured on 5,106 faces: where the smaller group has one to three faces, right merges have means
down to 0.41; from four on the lowest of 91 is 0.547, and unrelated people are at most at 0.32.
"""
NO_GROUP = np.iinfo(np.int32).max
"""Stands for no group; higher than the number of any."""


@dataclass(frozen=True, slots=True)
class LinkageRule:
    """Linkage threshold of two groups, by their sizes.

    The mean evidence over all pairs of an m-strong and an n-strong group must reach both of:

    - ``group + (pair - group) / sqrt(m n)``: ``pair`` for two single faces, and less the more pairs
      there are, since their mean scatters less;
    - ``group + (large - group) * (1 - FEW / min(m, n))``: near ``large`` for two large groups.
      Those of one person are far more alike, and who is less so is somebody that looks like him.
    """

    pair: float
    group: float
    large: float

    @property
    def lowest_threshold(self) -> float:
        """Lower bound of the linkage threshold over all group sizes."""
        return min(self.group, self.pair)

    def threshold(
        self, first: NDArray[np.float64], second: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Least mean evidence at which groups of these sizes may be merged."""
        few = (self.pair - self.group) / np.sqrt(first * second)
        many = (self.large - self.group) * (1 - FEW / np.minimum(first, second))
        return self.group + np.maximum(few, many)


@dataclass(frozen=True, slots=True)
class Chunk:
    """K pairs of groups with neighbours in each other, and the mean evidence over their faces.

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
    def concatenate(cls, chunks: Sequence[Chunk]) -> Chunk:
        """Concatenate chunks, of which there is at least one."""
        if len(chunks) == 1:
            return chunks[0]
        return cls(
            np.concatenate([chunk.first for chunk in chunks]),
            np.concatenate([chunk.second for chunk in chunks]),
            np.concatenate([chunk.mean for chunk in chunks]),
        )


def _packed(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the same pairs in fewer chunks: any two that follow each other fill more than one."""
    held: list[Chunk] = []
    for chunk in chunks:
        if held and sum(map(len, held)) + len(chunk) > CHUNK:
            yield Chunk.concatenate(held)
            held = []
        if len(chunk):
            held.append(chunk)
    if held:
        yield Chunk.concatenate(held)


class Groups:
    """N faces in groups, and the pairs of groups with neighbours in each other.

    Average linkage by reciprocal nearest pairs (Sumengen et al. 2021, arXiv 2105.11653): the mean
    evidence over all pairs of two groups is the product of their embeddings' sums, less that of
    their weaknesses' sums, over the product of their sizes; so a group is a sum and a size. All
    reciprocal pairs of a round are merged at once. A merge depends on the neighbourhood of its two
    groups alone, so that a few more faces elsewhere change nothing here.

    A group goes by its lowest face. ``must_link`` (N) is each face's group at the start;
    ``cannot_link`` (K x 2) are pairs of faces whose groups are never merged. The vectors,
    N x (D + K) of embeddings and weaknesses, are overwritten with the sums. ``pool`` works chunk
    by chunk; its number of threads makes no difference.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        must_link: NDArray[np.int32],
        rule: LinkageRule,
        *,
        cannot_link: NDArray[np.integer],
        pool: Executor,
    ) -> None:
        count = len(vectors)
        self._rule, self._pool = rule, pool
        self.labels = must_link
        """The group of each face."""
        self._total = vectors
        self._size = np.bincount(must_link, minlength=count).astype(np.float64)
        linked = np.flatnonzero(must_link != np.arange(count))
        np.add.at(self._total, must_link[linked], self._total[linked])
        ordered = cannot_link[np.argsort(cannot_link[:, 0], kind="stable")]
        self._cannot_link = [
            np.ascontiguousarray(ordered[at : at + CHUNK].T) for at in range(0, len(ordered), CHUNK)
        ]
        self._enough: list[Chunk] = []
        self._less: list[Chunk] = []

    def add_pairs(self, parts: Sequence[Keys]) -> None:
        """Add pairs of groups with neighbours in each other, in sorted parts."""
        total = sum(map(len, parts))
        number = min(CHUNKS, 1 + total // CHUNK) if total else 0
        sliced = buckets(parts, len(self.labels), number)
        for enough, less in self._pool.map(self._compared, sliced):
            self._enough.append(enough)
            self._less.append(less)

    def merge(self, pairs: NDArray[np.int32]) -> None:
        """Merge each of K x 2 pairs of groups, of which no two share a group."""
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
        self.add_pairs([keys for _, keys in near if len(keys)])

    def reciprocal_nearest(self) -> NDArray[np.int32]:
        """Pairs of groups that may be merged and are each other's nearest, K x 2."""
        nearest = self._nearest()
        while (blocked := self._blocked(nearest)) is not None:
            self._drop(blocked)
            nearest = self._nearest()
        one = np.flatnonzero(nearest != NO_GROUP)
        one = one[(nearest[nearest[one]] == one) & (one < nearest[one])]
        return np.stack([one.astype(np.int32), nearest[one]], axis=1)

    def _compared(self, parts: Sequence[Keys]) -> tuple[Chunk, Chunk]:
        """Pairs of a bucket whose mean evidence reaches the threshold, and the other pairs."""
        keys = each_once(*parts)
        chunk = Chunk(lower(keys), higher(keys), np.empty(len(keys), np.float32))
        enough = np.empty(len(keys), bool)
        held = np.empty((2, min(COMPARED, len(keys)), self._total.shape[1]), np.float32)
        for start in range(0, len(keys), COMPARED):
            some = slice(start, start + COMPARED)
            one, other = chunk.first[some], chunk.second[some]
            sums = take(self._total, one, held[0]), take(self._total, other, held[1])
            weak = sums[1][:, -len(KINDS) :]
            np.negative(weak, out=weak)
            product = np.einsum("ij,ij->i", *sums)
            faces, others = self._size[one], self._size[other]
            chunk.mean[some] = product / (faces * others)
            enough[some] = chunk.mean[some] >= self._rule.threshold(faces, others)
        return chunk[enough], chunk[~enough]

    def _nearest(self) -> NDArray[np.int32]:
        """Each group's nearest at or above the threshold, the lowest of a tie, or NO_GROUP."""
        best = np.full(len(self.labels), -np.inf, np.float32)
        nearest = np.full(len(best), NO_GROUP, np.int32)
        for chunk in self._enough:
            for side in (chunk.first, chunk.second):
                np.maximum.at(best, side, chunk.mean)
        for chunk in self._enough:
            for side, other in ((chunk.first, chunk.second), (chunk.second, chunk.first)):
                top = chunk.mean == best[side]
                np.minimum.at(nearest, side[top], other[top])
        return nearest

    def _blocked(self, nearest: NDArray[np.int32]) -> NDArray[np.int32] | None:
        """Each group's nearest where a cannot-link forbids the merge; None where none does."""
        blocked = np.full(len(nearest), NO_GROUP, np.int32)
        seeking = (nearest != NO_GROUP)[self.labels]

        def block(faces: NDArray[np.integer]) -> bool:
            asked = np.flatnonzero(seeking[faces[0]] | seeking[faces[1]])
            one, other = (self.labels[side[asked]] for side in faces)
            hit = False
            for here, there in ((one, other), (other, one)):
                at = np.flatnonzero(nearest[here] == there)
                blocked[here[at]] = there[at]
                hit |= len(at) > 0
            return hit

        return blocked if any(list(self._pool.map(block, self._cannot_link))) else None

    def _drop(self, blocked: NDArray[np.int32]) -> None:
        """Drop the pairs of groups that a cannot-link keeps apart."""

        def kept(chunk: Chunk) -> Chunk:
            bad = blocked[chunk.first] == chunk.second
            bad |= blocked[chunk.second] == chunk.first
            return chunk[~bad] if bad.any() else chunk

        self._enough = list(self._pool.map(kept, self._enough))
