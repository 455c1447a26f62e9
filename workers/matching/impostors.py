"""Impostor pairs: cosines of people who are not one, where each photo weighs alike.

Why these pairs and no others is in docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.assignments import history
from headcount.contract.layout import PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.table import Table
from workers.clustering.cluster import MIRROR
from workers.tables.columns import NONE, Numbers, codes, first_of_each, pick, positions
from workers.tables.rows import matrix

ENOUGH = 30
"""A quantile with so many impostor pairs beyond it is read off; further out the tail is normal."""
MOST_FACES = 2000
"""Faces that are compared with each other, and references."""
PER_PHOTO = 8
"""Faces of one photo that are drawn, at most."""
RESAMPLED = 40
"""How often the photos are drawn anew to see how sure a cosine is."""
COLUMNS = ("collection", "photo", "face_id", "descriptor")

Cosines = NDArray[np.float32]
Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FaceSample:
    """K faces to be compared.

    ``embeddings`` is K x D, of unit length. Faces of one ``group`` (K), such as a photo, are not
    compared and weigh together as much as any other group. ``said`` (S x K) are numbers of whom
    each was said to be, NONE where it was not: faces that share one are not compared either.
    """

    embeddings: NDArray[np.float32]
    group: Numbers
    said: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImpostorPairs:
    """K impostor pairs, the most alike first: cosines, weights, and the groups of both faces."""

    cosine: Cosines
    weight: Weights
    one: NDArray[np.int32]
    other: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.cosine)

    @classmethod
    def together(cls, parts: Sequence[ImpostorPairs]) -> ImpostorPairs:
        """The pairs of several, whose groups have nothing in common."""
        starts = np.cumsum([0, *(part.groups for part in parts)]).tolist()
        shifted = list(zip(parts, starts, strict=False))
        none = np.zeros(0, np.int32)
        cosine = np.concatenate([none.astype(np.float32), *(part.cosine for part in parts)])
        order = np.argsort(-cosine, kind="stable")
        return cls(
            cosine[order],
            np.concatenate([none.astype(np.float64), *(part.weight for part in parts)])[order],
            np.concatenate([none, *(part.one + start for part, start in shifted)])[order],
            np.concatenate([none, *(part.other + start for part, start in shifted)])[order],
        )

    @property
    def groups(self) -> int:
        """One more than the highest number of a group."""
        return max(int(self.one.max()), int(self.other.max())) + 1 if len(self) else 0

    def tail(self, fmr: float) -> float:
        """The cosine that a share ``fmr`` of them reaches."""
        return tail_cosine(self.cosine, self.weight, fmr, counted=self._counts(fmr))

    def _counts(self, fmr: float) -> bool:
        """Whether there are pairs enough that such a share of them reaches."""
        reached = np.cumsum(self.weight)
        return enough(self.weight[: np.searchsorted(reached, fmr * reached[-1])])

    def rate(self, cosine: float) -> float:
        """The share of them that reaches a cosine: as tail, the other way round."""
        beyond = int(np.searchsorted(-self.cosine, -cosine, side="right"))
        if enough(self.weight[:beyond]):
            return float(self.weight[:beyond].sum() / self.weight.sum())
        return 1 - normal(self.cosine, self.weight).cdf(cosine)

    def interval(self, fmr: float) -> tuple[float, float]:
        """Between which cosines tail lies in 90 of 100 draws of as many groups, with replacement.

        Pairs that share a face are not independent, groups are: Efron and Tibshirani 1993.
        """
        random, count, found = np.random.default_rng(0), self.groups, []
        present = np.unique(np.concatenate([self.one, self.other]))
        if not len(self):
            return -1.0, 1.0
        counted = self._counts(fmr)  # all draws by one method, or they would not be compared
        for _ in range(RESAMPLED):
            times = np.bincount(random.choice(present, len(present)), minlength=count)
            weight = self.weight * times[self.one] * times[self.other]
            drawn = weight > 0
            if drawn.any():
                cosine = self.cosine[drawn]
                found.append(tail_cosine(cosine, weight[drawn], fmr, counted=counted))
        low, high = np.quantile(found, [0.05, 0.95])
        return float(low), float(high)


def tail_cosine(impostor: Cosines, weight: Weights, fmr: float, *, counted: bool) -> float:
    """The cosine that a share ``fmr`` of weighted impostor pairs, the most alike first, reaches.

    The quantile where it can be ``counted``; otherwise the normal distribution of the pairs' mean
    and deviation, whose tail embeddings follow closely.
    """
    if counted:
        reached = np.cumsum(weight)
        return float(impostor[np.searchsorted(reached, fmr * reached[-1])])
    alike = normal(impostor, weight)
    return alike.inv_cdf(1 - fmr) if alike.stdev else alike.mean


def enough(weight: Weights) -> bool:
    """Whether pairs of these weights say as much as ENOUGH equal ones do.

    The square of the weights' sum over the sum of their squares: Kish 1965, Survey Sampling.
    """
    return bool(weight.sum() ** 2 >= ENOUGH * (weight**2).sum() > 0)


def normal(impostor: Cosines, weight: Weights) -> NormalDist:
    """The normal distribution of weighted pairs' mean and deviation."""
    mean = float(np.average(impostor, weights=weight))
    return NormalDist(mean, float(np.average((impostor - mean) ** 2, weights=weight)) ** 0.5)


def impostor_pairs(drawn: FaceSample) -> ImpostorPairs:
    """The pairs of faces that nothing says are one person.

    Left out are pairs of one group, of one name or cluster, and those as alike as MIRROR: one
    content. Each pair of groups weighs alike.
    """
    one, other = np.triu_indices(len(drawn.group), 1)
    kept = drawn.group[one] != drawn.group[other]
    for said in drawn.said:
        kept &= (said[one] != said[other]) | (said[one] == NONE)
    one, other = one[kept], other[kept]
    cosine = (drawn.embeddings @ drawn.embeddings.T)[one, other]
    order = np.argsort(-cosine, kind="stable")
    order = order[cosine[order] < MIRROR]
    share = 1 / np.bincount(drawn.group)[drawn.group] if len(drawn.group) else np.zeros(0)
    one, other = one[order], other[order]
    return ImpostorPairs(
        cosine[order],
        share[one] * share[other],
        drawn.group[one].astype(np.int32),
        drawn.group[other].astype(np.int32),
    )


def references(embeddings: NDArray[np.float32], people: Numbers) -> FaceSample:
    """R references of people, MOST_FACES of them, a person a group.

    Two people who share one content are one person under two names: they are not compared.
    """
    if len(people) > MOST_FACES:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), MOST_FACES, replace=False))
        embeddings, people = embeddings[chosen], people[chosen]
    same = embeddings @ embeddings.T >= MIRROR
    same &= people[:, None] < people
    really = np.arange(people.max() + 1) if len(people) else people
    for one, other in people[np.argwhere(same)].tolist():
        really[really == really[other]] = really[one]
    return FaceSample(embeddings, people, really[people][None])


def draw_faces(store: Store, keys: PackKeys, s3: S3Settings) -> Iterator[FaceSample]:
    """Usable faces that the latest runs spoke of, collection by collection; a photo is a group.

    One face of each photo before a second of any: MOST_FACES in all. A content that is there
    several times counts once.
    """
    drawn = _some(Table(store.uri, keys.photos, s3), Table(store.uri, keys.faces, s3))
    for collection in pc.unique(drawn["collection"]).to_pylist():
        here = drawn.filter(pc.equal(drawn["collection"], collection))
        job_id = history.latest_job(store, keys, collection)
        roll = history.read_assignments(store, keys, collection, job_id)
        roll = roll.filter(pc.is_in(roll["photo"], value_set=here["photo"].combine_chunks()))
        at = positions(history.face_keys(here), history.face_keys(roll))
        known = np.flatnonzero(at != NONE)
        if len(known):
            said = [codes(pick(roll[name], at[known]))[0] for name in ("person_id", "cluster_id")]
            here = here.take(known)
            yield FaceSample(matrix(here["descriptor"]), codes(here["photo"])[0], np.stack(said))


def _some(photos: Table, faces: Table) -> pa.Table:
    """MOST_FACES usable faces, in a random order that is always the same."""
    share = 2 * MOST_FACES / max(1, photos.count("faces > 0"))
    found = []
    for batch in faces.scan(COLUMNS, where="usable"):
        number, names = codes(batch["photo"])
        mixed = np.array([crc32(name.encode()) for name in names.to_pylist()], np.int64)
        kept = np.flatnonzero((mixed < share * (1 << 32))[number]) if len(number) else number
        found.append(pa.Table.from_batches([batch]).take(kept))
    if not found:
        return pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    table = pa.concat_tables(found)
    table = table.take(np.random.default_rng(0).permutation(len(table)))
    table = table.take(np.sort(first_of_each(codes(table["face_id"])[0])))
    photo = pc.binary_join_element_wise(table["collection"], table["photo"], "\0")
    rank = _rank(codes(photo)[0])
    order = np.argsort(rank, kind="stable")
    return table.take(order[rank[order] < PER_PHOTO][:MOST_FACES])


def _rank(number: Numbers) -> Numbers:
    """How many of the same number come before each."""
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    rank = np.empty(len(number), np.int64)
    rank[order] = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank
