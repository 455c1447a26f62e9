"""Questions to a person, in the order in which answers name most faces.

The interface, for the page::

    suggestions = Suggestions(faces, gallery, pack)  # RunFaces: arrays of one run
    suggestions.next(12, skip)                     # those of the next answer: a sheet, or one
    suggestions.sheet(12, skip)          # "are they?", likeliest first
    suggestions.suggested(12, skip)                # "is this Ada?", the most worth first
    suggestions.unnamed(1, skip)                   # "who is this?", the largest first
    suggestions.look_alike(group)                  # another group, perhaps the same person
    suggestions.look_alikes(group, 8)              # some of them, the most alike first
    step = suggestions.named(rows, person)         # "yes", or another name; person: a position
    step = suggestions.taken(right, wrong)         # a sheet: pairs of rows and person
    step = suggestions.rejected(rows, person)      # "no": never asked again
    step = suggestions.left(rows)                  # dismissed, or no face
    step = suggestions.joined(rows, rows)          # the same person: one group from now on
    step = suggestions.parted(rows, rows)          # two people
    person = suggestions.add_person()              # somebody new; forget nobody on undo
    suggestions.undo(step)                         # any step, in any order

Rows are those of the faces; ``skip`` are groups, ``Question.group``. A name takes the given rows
alone: faces that were marked stay behind, as a group of their own. Nothing here reads or writes an
archive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from workers.faces.evidence import opposed
from workers.identity.asked_groups import RunFaces
from workers.identity.asked_scores import Scores
from workers.identity.journal import Journal
from workers.identity.questions import SHOWN, LookAlike, Question
from workers.people.gallery import Gallery
from workers.tables.columns import NONE, Numbers

GROUP_ARRAYS = ("vectors", "size", "quality", "lacking", "candidates", "alike")
"""Arrays that follow from the faces of a group."""
SHEET = 24
"""Suggestions that are shown together."""
WORTH_A_SHEET = 0.5
"""Least number of faces that a sheet is expected to name where a larger group could be asked."""
POSSIBLE = 0.02
"""Least chance of somebody who is asked about by name."""


class Suggestions:
    """Questions about the unnamed faces of a run, in order, as answers come in."""

    def __init__(
        self,
        faces: RunFaces,
        gallery: Gallery,
        pack: PackRecord,
        *,
        fresh: Collection[int] = (),
        rejected: Collection[tuple[int, int]] = (),
    ) -> None:
        """Build the questions of a run.

        ``fresh`` are people who were named since the run compared its faces: they are compared with
        all. ``rejected`` are pairs of a face's row and a person that it is not.
        """
        self._scores = Scores.of_run(faces, gallery, pack, fresh, rejected)
        self._parted: set[tuple[int, int]] = set()
        self._journal = Journal()
        sizes = np.sort(self._scores.size)[::-1]
        self._by_size = np.append(0, np.cumsum(sizes[sizes > 0]))
        self._answers = self._named = 0

    @property
    def _last(self) -> int:
        return len(self._by_size) - 1

    def next(self, limit: int = SHEET, skip: Collection[int] = ()) -> list[Question]:
        """The questions of the next answer: a sheet of suggestions, or the largest group alone.

        A sheet is taken by one answer, but for those that are marked as wrong. A question alone is
        answered by yes or by the right name. The sheet goes first where it is expected to name
        more, or where no fewer faces are named so far than by size alone.
        """
        sheet, largest = self.sheet(limit, skip), self.unnamed(1, skip)
        expected = sum(question.gain for question in sheet)
        ahead = self._named + expected >= self._by_size[min(self._answers + 1, self._last)]
        if sheet and (expected >= len(largest[0].rows) or (ahead and expected >= WORTH_A_SHEET)):
            return sheet
        return largest

    def sheet(self, limit: int = SHEET, skip: Collection[int] = ()) -> list[Question]:
        """Suggestions to be taken together, the likeliest first.

        Large groups with a less likely person are left to a question of their own.
        """
        chance = np.where(self._scores.chance >= POSSIBLE, self._scores.chance, 0)
        chance = chance.astype(np.float64)
        return self._questions(self._first(chance, limit, skip))

    def suggested(self, limit: int, skip: Collection[int] = ()) -> list[Question]:
        """Questions "is this that person?", those first of which most faces are expected named."""
        scores = self._scores
        likely = scores.chance >= POSSIBLE
        gain = np.where(likely, scores.chance * scores.size, 0).astype(np.float64)
        return self._questions(self._first(gain, limit, skip))

    def unnamed(self, limit: int, skip: Collection[int] = ()) -> list[Question]:
        """Questions "who is this?", the largest groups first."""
        size = self._scores.size.astype(np.float64)
        return self._questions(self._first(size, limit, skip))

    def question(self, group: int) -> Question:
        """The question about a group, with whom it may be."""
        return self._questions([group])[0]

    def _questions(self, groups: list[int]) -> list[Question]:
        """The questions about some groups: their faces are looked up together."""
        scores = self._scores
        rows = scores.rows_in(np.array(groups, np.int64))
        of = scores.of[rows]
        return [self._question(group, rows[of == group]) for group in groups]

    def _question(self, group: int, rows: Numbers) -> Question:
        scores = self._scores
        likely = bool(scores.chance[group] >= POSSIBLE)
        return Question(
            group,
            rows,
            self.shown(rows),
            int(scores.best[group]) if likely else NONE,
            float(scores.evidence[group]),
            float(scores.chance[group]),
        )

    def group_of(self, row: int) -> int:
        """The group of a face, NONE where it is not asked about."""
        return int(self._scores.of[row])

    def shown(self, rows: Numbers, most: int = SHOWN) -> Numbers:
        """Faces to look at: the best half, and of the others those least like the rest."""
        faces = self._scores.faces
        order = rows[np.lexsort((rows, -faces.quality[rows]))]
        if len(order) <= most:
            return order
        some = order[: max(1 << 10, most)]
        vectors = faces.embeddings[some]
        alike = vectors @ vectors.mean(axis=0)
        half = most // 2
        odd = half + np.argsort(alike[half:], kind="stable")[: most - half]
        return np.concatenate([order[:half], some[odd]])

    def look_alike(self, group: int) -> LookAlike | None:
        """The unnamed group that is most like another, unless it was said to be somebody else."""
        return next(iter(self.look_alikes(group, 1)), None)

    def look_alikes(self, group: int, most: int) -> list[LookAlike]:
        """The unnamed groups that are most like another, the most alike first."""
        scores = self._scores
        alike = scores.vectors @ opposed(scores.vectors[group : group + 1])[0]
        apart = {*(b for a, b in self._parted if a == group), group}
        alike[list(apart)] = -np.inf
        alike[scores.size == 0] = -np.inf
        near = np.flatnonzero(np.isfinite(alike))
        if len(near) > most:
            near = near[alike[near] >= np.partition(alike[near], -most)[-most]]
        order = near[np.lexsort((near, -alike[near]))][:most]
        return [LookAlike(int(one), float(alike[one])) for one in order]

    def _first(self, gain: NDArray[np.float64], limit: int, skip: Collection[int]) -> list[int]:
        """The groups of most gain; at a tie the first."""
        gain = gain.copy()
        gain[[group for group in skip if 0 <= group < len(gain)]] = 0
        some = np.flatnonzero(gain > 0)
        if len(some) > limit > 0:
            least = np.partition(gain[some], len(some) - limit)[len(some) - limit]
            some = some[gain[some] >= least]
        order = some[np.lexsort((some, -gain[some]))]
        return [int(group) for group in order[:limit]]

    def add_person(self) -> int:
        """Add somebody new; gives the position. Nothing takes that back."""
        return self._scores.people.add()

    def named(self, rows: Numbers, person: int) -> int:
        """Faces are a person: they are asked about no more, and tell whom others are like."""
        return self.taken([(rows, person)])

    def taken(
        self, right: Sequence[tuple[Numbers, int]], wrong: Sequence[tuple[Numbers, int]] = ()
    ) -> int:
        """A sheet was answered at once: some faces are a person, others are not."""

        def take() -> None:
            self._count(sum(len(rows) for rows, _ in right))
            for rows, person in right:
                self._name(_rows(rows), person)
            for rows, person in wrong:
                self._reject(_rows(rows), person)

        return self._step(take)

    def rejected(self, rows: Numbers, person: int) -> int:
        """Faces are not a person: their groups are never asked about that person again.

        Faces that had this name are asked about again, as a group of their own.
        """
        return self._step(lambda: self._reject(_rows(rows), person))

    def left(self, rows: Numbers) -> int:
        """Faces are dismissed, or no faces: they are asked about no more, and tell nothing."""
        return self._step(lambda: self._move(_rows(rows), NONE, NONE))

    def joined(self, rows: Numbers, others: Numbers) -> int:
        """Faces are one person with others: one group from now on, or all have the name of some."""
        return self._step(lambda: self._join(_rows(rows), _rows(others)))

    def parted(self, rows: Numbers, others: Numbers) -> int:
        """Faces are somebody else than others: their groups are never shown as look-alikes."""
        return self._step(lambda: self._part(_rows(rows), _rows(others)))

    def undo(self, step: int) -> None:
        """Take a step back, whatever came after it. Raises KeyError where there is none."""
        self._journal.back(step)

    def _step(self, again: Callable[[], None]) -> int:
        return self._journal.take(again)

    def _count(self, named: int) -> None:
        """Count an answer, and the faces that it names."""
        for name in ("_answers", "_named"):
            self._journal.keep_value(self, name)
        self._answers, self._named = self._answers + 1, self._named + named

    def _name(self, rows: Numbers, person: int) -> None:
        groups = self._groups(rows)
        self._move(rows, NONE, person)
        for one in groups:
            self._bar([b for a, b in self._parted if a == one], person)

    def _reject(self, rows: Numbers, person: int) -> None:
        scores = self._scores
        theirs = rows[scores.person[rows] == person]
        if len(theirs):
            self._move(theirs, self._new_group(), NONE)
        self._bar(self._groups(rows), person)

    def _join(self, rows: Numbers, others: Numbers) -> None:
        scores = self._scores
        both = np.concatenate([rows, others])
        names = np.unique(scores.person[both])
        names = names[names != NONE]
        groups = self._groups(both)
        asked = scores.rows_in(np.array(groups, np.int64)) if groups else both[:0]
        if len(names) == 1:
            self._move(asked, NONE, int(names[0]))
        elif len(groups) > 1:
            for who in {who for group, who in scores.barred if group in groups}:
                self._journal.add(scores.barred, (groups[0], who))
            self._move(asked, groups[0], NONE)

    def _part(self, rows: Numbers, others: Numbers) -> None:
        scores = self._scores
        for one, other in ((rows, others), (others, rows)):
            for a in self._groups(one):
                for b in self._groups(other):
                    self._journal.add(self._parted, (a, b))
            for who in np.unique(scores.person[other]):
                if who != NONE:
                    self._bar(self._groups(one), int(who))

    def _groups(self, rows: Numbers) -> list[int]:
        """Groups of some faces, in order."""
        found = np.unique(self._scores.of[rows])
        return [int(group) for group in found if group != NONE]

    def _new_group(self) -> int:
        """An empty group."""
        scores = self._scores
        self._journal.keep_value(scores, "count")
        return scores.new_group()

    def _bar(self, groups: list[int], person: int) -> None:
        """Never ask of some groups whether they are a person."""
        for group in groups:
            self._journal.add(self._scores.barred, (group, person))
        self._rescore(np.array(groups, np.int64))

    def _move(self, rows: Numbers, group: int, person: int) -> None:
        """Put faces into a group, or give them a name, and bring all that follows up to date."""
        scores, keep = self._scores, self._journal.keep_array
        changed = _known(np.append(scores.of[rows], group))
        people = _known(np.append(scores.person[rows], person))
        keep(scores, "of", rows)
        keep(scores, "person", rows)
        scores.of[rows], scores.person[rows] = group, person
        for name in GROUP_ARRAYS:
            keep(scores, name, changed)
        for name in ("views", "pictures"):
            keep(scores.people, name, people)
        scores.refresh_groups(changed)
        scores.people.refresh(people, scores.faces, scores.person)
        self._compare(changed, people)

    def _compare(self, changed: Numbers, people: Numbers) -> None:
        """Compare changed groups and people with all others, and find whom groups are like."""
        scores, affected = self._scores, [changed]
        for group in changed.tolist():
            self._journal.keep_entry(scores.near, group)
        scores.compare_groups(changed)
        for who in people.tolist():
            near, alike = scores.near_groups(who)
            for group in near.tolist() + scores.columns.get(who, near[:0]).tolist():
                self._journal.keep_entry(scores.near, group)
            self._journal.keep_entry(scores.columns, who)
            affected.append(scores.compare(who, near, alike))
        self._rescore(np.unique(np.concatenate(affected)))

    def _rescore(self, groups: Numbers) -> None:
        for name in ("best", "evidence", "chance"):
            self._journal.keep_array(self._scores, name, groups)
        self._scores.rescore(groups)


def _rows(rows: Numbers) -> Numbers:
    """Rows in order, each once."""
    distinct: Numbers = np.unique(np.asarray(rows, np.int64))
    return distinct


def _known(numbers: Numbers) -> Numbers:
    """Distinct numbers without NONE."""
    found = np.unique(numbers.astype(np.int64))
    known: Numbers = found[found != NONE]
    return known
