"""State of the questions of a run: groups, people, and whom each group is like, kept up to date."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from workers.faces.evidence import KINDS, Floats
from workers.identity.asked_chances import GroupChances, Likely, Prior
from workers.identity.asked_groups import (
    RunFaces,
    best_of_each,
    group_numbers,
    means,
    sums_of,
)
from workers.identity.known_people import KnownPeople
from workers.matching.posterior import Pictures
from workers.people.gallery import Gallery
from workers.tables.columns import NONE, Numbers

CANDIDATES = 2
"""People that a group is compared with at first: those that its faces are most like."""
COLUMN = 1_000
"""Groups that somebody who was named is compared with for good: those most alike."""
BLOCK = 1 << 12
"""Pairs of a group and a person that are compared together."""
WORTH = 0.02
"""Least chance of which it is looked up whether the person is in the photos already."""
NOTHING = np.float32(-np.inf)
Pairs = tuple[NDArray[np.int32], Floats]
"""People that each of some groups may be, NONE for nobody, and the evidence: as many for each."""
SPARE = 256
"""Groups that arrays grow by."""
EMPTY: dict[str, float] = {
    "vectors": 0,
    "size": 0,
    "quality": 0,
    "lacking": 0,
    "candidates": NONE,
    "alike": -np.inf,
    "best": NONE,
    "evidence": np.nan,
    "chance": 0,
}
"""Arrays of the groups, and the values of one without faces."""


@dataclass
class Scores:
    """Arrays of G groups, and of the N faces that they are made of.

    ``of`` (N) is the group of each face that may be asked about, ``person`` (N) who it is.
    ``vectors`` is G x (D + K). ``candidates`` and ``alike`` (G x CANDIDATES) are people that the
    faces are like, and how much; ``near`` has, by group, those that were named since. ``best``,
    ``evidence``, ``chance`` (G) follow from both; ``size`` is 0 where nothing is left to ask.
    """

    faces: RunFaces
    people: KnownPeople
    chances: GroupChances
    of: NDArray[np.int32]
    person: NDArray[np.int32]
    vectors: Floats
    size: NDArray[np.int32]
    quality: Floats
    lacking: Floats
    candidates: NDArray[np.int32]
    alike: Floats
    best: NDArray[np.int32]
    evidence: Floats
    chance: Floats
    count: int
    floor: float
    units: float
    near: dict[int, dict[int, float]] = field(default_factory=dict)
    columns: dict[int, Numbers] = field(default_factory=dict)
    barred: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def of_run(
        cls,
        faces: RunFaces,
        gallery: Gallery,
        pack: PackRecord,
        fresh: Collection[int] = (),
        barred: Collection[tuple[int, int]] = (),
    ) -> Scores:
        """The questions of a run; ``barred`` are pairs of a face's row and a person it is not."""
        base, count = group_numbers(faces)
        person = faces.person.astype(np.int32)
        of = np.where(person == NONE, base, NONE).astype(np.int32)
        people = KnownPeople.of(gallery, faces, person)
        width = people.width
        scores = cls(
            faces,
            people,
            GroupChances.of(pack, prior_of(people, of)),
            of,
            person,
            np.zeros((count, width), np.float32),
            np.zeros(count, np.int32),
            np.zeros(count, np.float32),
            np.zeros(count, np.float32),
            np.full((count, CANDIDATES), NONE, np.int32),
            np.full((count, CANDIDATES), NOTHING, np.float32),
            np.full(count, NONE, np.int32),
            np.full(count, np.nan, np.float32),
            np.zeros(count, np.float32),
            count=count,
            floor=pack.threshold - 4 * pack.cosine_per_decade,
            units=float(np.sqrt(pack.cosine_per_decade)),
        )
        scores.barred = {(int(base[row]), who) for row, who in barred}
        every = np.arange(count)
        scores.refresh_groups(every)
        for who in fresh:
            scores.compare(who, *scores.near_groups(who))
        pairs = scores.pairs(every)
        scores.learn(every, pairs)
        scores.rescore(every, pairs)
        return scores

    def rows_in(self, groups: Numbers) -> Numbers:
        """The rows of the faces of some groups that are left to ask about."""
        if len(groups) == 1:
            return np.flatnonzero(self.of == groups[0])
        chosen = np.zeros(len(self.size) + 1, bool)
        chosen[groups] = True  # NONE is the last
        chosen[NONE] = False
        return np.flatnonzero(chosen[self.of])

    def refresh_groups(self, groups: Numbers) -> None:
        """Compute anew what is known of some groups by their faces."""
        rows = self.rows_in(groups)
        self.size[groups] = np.bincount(self.of[rows], minlength=len(self.size))[groups]
        best = best_of_each(self.of, self.faces.quality, rows)
        at = np.searchsorted(groups, self.of[best]).astype(np.int32)
        sums, counts = sums_of(self.faces, best, at, len(groups))
        self.vectors[groups] = means(sums, counts)
        quality = np.bincount(at, self.faces.quality[best], len(groups))
        self.quality[groups] = quality / np.maximum(counts, 1)
        self.lacking[groups] = self.vectors[groups, -len(KINDS) :].sum(axis=1) / self.units
        self._find_candidates(groups, best, at)

    def _find_candidates(self, groups: Numbers, rows: Numbers, at: NDArray[np.int32]) -> None:
        """Note the people that the faces at ``rows`` are most like, each group's best first."""
        faces, width = self.faces, np.int64(len(self.people) + 1)
        person = np.concatenate([faces.nearest[rows], faces.runner_up[rows]]).astype(np.int64)
        alike = np.concatenate([faces.evidence[rows], faces.runner_up_evidence[rows]])
        known = (person != NONE) & ~np.isnan(alike)
        pair = (np.concatenate([at, at]) * width + person)[known]
        order = np.argsort(pair)
        pair, alike = pair[order], alike[known][order]
        first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1])[: len(pair)])
        pair, alike = pair[first], np.maximum.reduceat(alike, first) if len(first) else alike
        group = (pair // width).astype(np.int32)
        kept = best_of_each(group, alike, np.arange(len(group)), CANDIDATES)
        starts = np.searchsorted(group[kept], group[kept])
        rank = np.arange(len(kept)) - starts
        self.candidates[groups], self.alike[groups] = NONE, NOTHING
        where = groups[group[kept]], rank
        self.candidates[where], self.alike[where] = pair[kept] % width, alike[kept]

    def near_groups(self, who: int) -> tuple[Numbers, Floats]:
        """The groups that are most like somebody, COLUMN at most, in order, and the evidence."""
        found = self._alike(np.arange(len(self.size)), who)
        found[self.size == 0] = NOTHING
        near = np.flatnonzero(found >= self.floor)
        near = np.sort(near[np.argsort(-found[near], kind="stable")[:COLUMN]])
        return near, found[near]

    def compare(self, who: int, near: Numbers, alike: Floats) -> Numbers:
        """Note the groups that are ``near`` somebody; gives those that this may change."""
        before = self.columns.pop(who, near[:0])
        for group in before.tolist():
            self.near.get(group, {}).pop(who, None)
        for group, evidence in zip(near.tolist(), alike.tolist(), strict=True):
            self.near.setdefault(group, {})[who] = evidence
        self.columns[who] = near
        listed = np.flatnonzero((self.candidates == who).any(axis=1))
        return np.unique(np.concatenate([before, near, listed]))

    def compare_groups(self, groups: Numbers) -> None:
        """Compare some groups with everybody who was named since."""
        for group in groups.tolist():
            self.near.pop(group, None)
            if self.size[group]:
                for who in self.columns:
                    alike = float(self._alike(np.array([group]), who)[0])
                    if alike >= self.floor:
                        self.near.setdefault(group, {})[who] = alike

    def _alike(self, groups: Numbers, who: int) -> Floats:
        """Evidence of some groups for somebody, by their means."""
        vectors = self.vectors if len(groups) == len(self.vectors) else self.vectors[groups]
        return np.asarray((vectors @ self.people.views[who].T).max(axis=1), np.float32)

    def new_group(self) -> int:
        """Number of an empty group."""
        if self.count == len(self.size):
            for name, empty in EMPTY.items():
                old = getattr(self, name)
                more = np.full((SPARE, *old.shape[1:]), empty, old.dtype)
                setattr(self, name, np.concatenate([old, more]))
        self.count += 1
        return self.count - 1

    def rescore(self, groups: Numbers, pairs: Pairs | None = None) -> None:
        """Find the likeliest person of some groups anew, and the chance."""
        people, alike = self.pairs(groups) if pairs is None else pairs
        left = np.arange(len(groups))
        while len(left):
            some = groups[left]
            best, first, chance = self._judge(some, people[left], alike[left])
            self.best[some], self.evidence[some], self.chance[some] = best, first, chance
            clash = self._in_photos_already(some, best, chance)
            left, best = left[clash], best[clash]
            alike[left] = np.where(people[left] == best[:, None], NOTHING, alike[left])

    def pairs(self, groups: Numbers) -> Pairs:
        """People that each of some groups may be, and the evidence: as many for each."""
        extra = [self.near.get(group, {}) for group in groups.tolist()] if self.near else []
        wide = max(map(len, extra), default=0)
        people = np.full((len(groups), CANDIDATES + wide), NONE, np.int32)
        alike = np.full(people.shape, NOTHING, np.float32)
        people[:, :CANDIDATES] = self.candidates[groups]
        alike[:, :CANDIDATES] = self._evidence_of(groups)
        for at, near in enumerate(extra):
            if near:
                people[at, CANDIDATES : CANDIDATES + len(near)] = list(near)
                alike[at, CANDIDATES : CANDIDATES + len(near)] = list(near.values())
        if self.barred:
            self._bar(groups, people, alike)
        return people, alike

    def _evidence_of(self, groups: Numbers) -> Floats:
        """Evidence of some groups for their candidates: the mean of all pairs.

        A single face has what matching found, if that is more.
        """
        found = np.where(self.size[groups, None] == 1, self.alike[groups], NOTHING)
        row, column = np.nonzero(self.candidates[groups] != NONE)
        for start in range(0, len(row), BLOCK):
            at, rank = row[start : start + BLOCK], column[start : start + BLOCK]
            vectors = self.vectors[groups[at]]
            views = self.people.views[self.candidates[groups[at], rank]]
            by_mean = (views @ vectors[:, :, None])[:, :, 0].max(axis=1)
            found[at, rank] = np.maximum(found[at, rank], by_mean)
        return found

    def _bar(self, groups: Numbers, people: NDArray[np.int32], alike: Floats) -> None:
        """Take people away from the groups that they are not, in place."""
        width = np.int64(len(self.people) + 1)
        bars = np.array([group * width + who for group, who in self.barred], np.int64)
        alike[np.isin(groups[:, None] * width + people, bars)] = NOTHING

    def _judge(
        self, groups: Numbers, people: NDArray[np.int32], alike: Floats
    ) -> tuple[NDArray[np.int32], Floats, Floats]:
        """The likeliest person of each group, the evidence and the chance."""
        best, likely = self._likely(groups, people, alike)
        return best, likely.first, self.chances.of_groups(likely)

    def _likely(
        self, groups: Numbers, people: NDArray[np.int32], alike: Floats
    ) -> tuple[NDArray[np.int32], Likely]:
        """The person that each group is most like, and all that the chance follows from."""
        rows = np.arange(len(groups))
        at = alike.argmax(axis=1)
        best, first = people[rows, at], alike[rows, at]
        rest = np.where(people == best[:, None], NOTHING, alike)
        other = rest.argmax(axis=1)
        second = rest[rows, other]
        nobody = (first == NOTHING) | (self.size[groups] == 0)
        known = np.append(self.people.references, 0)  # NOBODY is the last
        named = np.append(self.people.found, False)
        likely = Likely(
            np.where(nobody, np.nan, first).astype(np.float32),
            np.where(second == NOTHING, np.nan, second).astype(np.float32),
            named[best],
            named[people[rows, other]],
            known[best],
            Pictures(self.quality[groups], self.lacking[groups]),
        )
        return np.where(nobody, NONE, best).astype(np.int32), likely

    def learn(self, groups: Numbers, pairs: Pairs) -> None:
        """Fit the chances to some groups."""
        if len(groups) and len(self.people):
            self.chances = self.chances.learnt(self._likely(groups, *pairs)[1])

    def _in_photos_already(
        self, groups: Numbers, best: NDArray[np.int32], chance: Floats
    ) -> NDArray[np.bool_]:
        """Mask of the groups of which a face is in a photo with somebody named as the likeliest."""
        clash = np.zeros(len(groups), bool)
        asked = np.flatnonzero((chance >= WORTH) & (best != NONE))
        if not len(asked):
            return clash
        who = np.full(len(self.size) + 1, NONE, np.int64)
        who[groups[asked]] = best[asked]
        rows = np.flatnonzero(who[self.of] != NONE)
        wanted = np.zeros(len(self.people) + 1, bool)
        wanted[best[asked]] = True
        named = np.flatnonzero(wanted[self.person])
        width, photos = np.int64(len(self.people)), self.faces.photos
        there = photos[named] * width + self.person[named]
        taken = np.isin(photos[rows] * width + who[self.of[rows]], there)
        return np.isin(groups, self.of[rows[taken]])


def prior_of(people: KnownPeople, of: NDArray[np.int32]) -> Prior:
    """The prior of the groups of faces that are left to ask about."""
    found = int(people.found.sum())
    return Prior(int((np.bincount(of[of != NONE]) > 0).sum()), found, len(people) - found)
