"""Measures the order of questions, by a scripted reviewer who knows the truth.

    python -m benchmarks.accuracy.review FOLDER [--cache FILE.npz] [--seeds N] [--model PACK]
        [--references N] [--enrolled SHARE] [--half 0|1]

FOLDER holds one folder per person with photos whose central face is that person. Half of the people
who have two photos or more are enrolled, with one photo each; matching, clusters and inferred names
are a run's own. The reviewer is asked as the page asks, sees the faces that a question shows, and
answers truthfully: yes, or the right name, for those that are most among them, without the faces
shown that are somebody else. A suggestion that is wrong is marked, and the rest of the sheet taken.
Beside it, the same reviewer names clusters by size, without marks as `headcount name` does, or with
them. Counted are answers, a sheet as one, and, strictly, every suggestion as one.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import Faces
from benchmarks.accuracy.identities import clusters_of, rows_of
from benchmarks.accuracy.labelled import gallery_of, labelled, weak_of
from benchmarks.harness import heading, row
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.identity.asked_groups import RunFaces
from workers.identity.cluster_ids import MIN_MATCHED_SHARE
from workers.identity.questions import Question
from workers.identity.suggest import Suggestions
from workers.matching.calibration import search_threshold
from workers.matching.match import NOBODY, accepted, match
from workers.models.packs.open import open_pack
from workers.people.gallery import Gallery
from workers.tables.columns import NONE

AFTER = (50, 100, 200, 500)
LAST = max(AFTER)
SEEN = 12
"""Faces of a cluster that naming by size shows."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Run:
    """A run over faces whose people are known: ``truth`` (N), enrolled people first."""

    faces: RunFaces
    gallery: Gallery
    truth: Numbers


def run_of(pack: PackRecord, every: Faces, seed: int, asked: argparse.Namespace) -> Run:
    """Enrol a share of the people, and decide of all other faces as a run does."""
    draw = np.random.default_rng(seed)
    people, counts = np.unique(every.people, return_counts=True)
    several = np.flatnonzero(counts > asked.references)
    chosen = np.sort(draw.permutation(several)[: round(asked.enrolled * len(several))])
    owner = np.unique(every.people, return_inverse=True)[1]
    rows = [draw.choice(np.flatnonzero(owner == one), asked.references, False) for one in chosen]
    references = np.concatenate(rows)
    probes = np.setdiff1d(np.arange(len(every)), references)
    weak = weak_of(every, pack)
    gallery = gallery_of(every.embeddings[references], weak[references], people[chosen])
    number = np.arange(len(people)) + len(chosen)
    number[chosen] = np.arange(len(chosen))
    return Run(decided(pack, rows_of(every, probes), gallery), gallery, number[owner[probes]])


def decided(pack: PackRecord, faces: Faces, gallery: Gallery) -> RunFaces:
    """Match, cluster and lend names as a run does; each face is in a photo of its own."""
    weak, photos = weak_of(faces, pack), np.arange(len(faces))
    found = match(faces.embeddings, gallery, weak)
    usable = np.ones(len(faces), bool)
    threshold = search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=len(gallery.embeddings),
        false_positives=1e-3,
    )
    good = accepted(found, usable, photos, threshold=threshold, margin=pack.margin)
    clusters = clusters_of(pack, faces).astype(np.int64)
    person = np.where(good, found.person, NOBODY).astype(np.int64)
    for one in np.unique(clusters[good]):
        rows = np.flatnonzero(clusters == one)
        theirs = np.unique(person[rows[good[rows]]])
        if len(theirs) == 1 and good[rows].mean() >= MIN_MATCHED_SHARE:
            person[rows] = theirs[0]
    return RunFaces(
        faces.embeddings,
        weak,
        faces.parts["quality"],
        photos,
        clusters,
        person,
        usable,
        found.person.astype(np.int64),
        found.evidence,
        found.runner_up.astype(np.int64),
        found.runner_up_evidence,
    )


@dataclass
class Reviewer:
    """Somebody who knows everybody, and what was named so far; ``strict`` counts suggestions."""

    run: Run
    suggestions: Suggestions
    strict: bool = False
    marks: bool = True
    person: Numbers = field(init=False)
    positions: dict[int, int] = field(default_factory=dict)
    answers: int = 0
    history: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with the names of the run."""
        self.person = self.run.faces.person.copy()
        self.missed = (self.person == NONE) & (self.run.truth < len(self.run.gallery))
        self.note()

    def note(self) -> None:
        """Note the faces named rightly and wrongly, and those that matching had missed."""
        named = self.person != NONE
        right = named & (self.person == self.run.truth)
        counts = (int(right.sum()), int((named & ~right).sum()), int((right & self.missed).sum()))
        self.history += [counts] * (self.answers + 1 - len(self.history))

    def by_pages(self) -> None:
        """Answer what the page asks, in its order."""
        while self.answers < LAST and (sheet := self.suggestions.next()):
            if len(sheet) == 1:
                self.answers += 1
                self.name(sheet[0])
            else:
                self.take(sheet)
            self.note()

    def take(self, sheet: list[Question]) -> None:
        """Take a sheet: yes to those that are right, no to the others."""
        right, wrong = [], []
        for question in sheet:
            if self.seen(question.shown) == question.person:
                right.append((self.marked(question.rows, question.shown), question.person))
                self.person[right[-1][0]] = question.person
            else:
                wrong.append((question.rows, question.person))
            if self.strict:
                self.answers += 1
                self.note()
        self.answers += 0 if self.strict else 1
        self.suggestions.taken(right, wrong)

    def by_size(self) -> None:
        """Name the largest group left, whoever it may be, again and again."""
        while self.answers < LAST and (found := self.suggestions.unnamed(1)):
            self.answers += 1
            self.name(found[0], best=True)
            self.note()

    def seen(self, shown: Numbers) -> int:
        """The person that most of the faces shown are."""
        people, counts = np.unique(self.run.truth[shown], return_counts=True)
        return int(people[counts.argmax()])

    def name(self, question: Question, *, best: bool = False) -> None:
        """Give faces the name of most that are shown, but for marked ones that are others."""
        rows, shown = question.rows, question.shown
        if best:
            order = np.argsort(-self.run.faces.quality[rows], kind="stable")
            shown = rows[order[:SEEN]]
        who, rows = self.seen(shown), self.marked(rows, shown)
        self.person[rows] = who
        self.suggestions.named(rows, self.position(who))

    def marked(self, rows: Numbers, shown: Numbers) -> Numbers:
        """The rows without those shown that are somebody else than most of them."""
        others = shown[self.run.truth[shown] != self.seen(shown)]
        return np.setdiff1d(rows, others) if self.marks else rows

    def position(self, who: int) -> int:
        """The position of a person among those that are known, who may be new."""
        if who < len(self.run.gallery):
            return who
        if who not in self.positions:
            self.positions[who] = self.suggestions.add_person()
        return self.positions[who]


KINDS = ("the page", "the page, strictly", "by size, marks", "by size, no marks")


def reviewed(pack: PackRecord, run: Run) -> dict[str, Reviewer]:
    """Reviewers of every kind, when they are through."""
    found = {}
    for kind in KINDS:
        suggestions = Suggestions(run.faces, run.gallery, pack)
        reviewer = Reviewer(run, suggestions, "strictly" in kind, "no marks" not in kind)
        reviewer.by_pages() if "page" in kind else reviewer.by_size()
        found[kind] = reviewer
    return found


def cells(reviewer: Reviewer, beside: Reviewer) -> Iterator[str]:
    """Cells of a row: named rightly, and of the missed, after so many answers; wrong names."""
    faces, at = len(reviewer.run.truth), reviewer.history
    for after in AFTER:
        yield f"{100 * at[after][0] / faces:.2f} %"
    ours, theirs = np.array(at)[: LAST + 1, 0], np.array(beside.history)[: LAST + 1, 0]
    yield str(int((ours - theirs).min()))
    yield str(at[LAST][1] - at[0][1])
    missed = int(reviewer.missed.sum())
    yield f"{at[100][2]} of {missed}"


def main() -> None:
    """Print a table of every seed, and one of all."""
    asked = options()
    pack = open_pack(asked.model, Settings(), S3Settings()).record
    every = labelled(asked.folder, asked.model, asked.cache)
    if asked.half is not None:
        drawn = [hashlib.sha256(str(name).encode()).digest()[0] % 2 for name in every.people]
        every = every.where(np.array(drawn) == asked.half)
    titles = [f"right after {n}" for n in AFTER]
    more = ["least lead over by size", "wrong names given", "missed people's faces after 100"]
    print("\n".join(heading("seed", "order", *titles, *more)))
    total: dict[str, list[tuple[int, ...]]] = {kind: [] for kind in KINDS}
    for seed in range(asked.seeds):
        found = reviewed(pack, run_of(pack, every, seed, asked))
        for kind, reviewer in found.items():
            print(row([str(seed), kind, *cells(reviewer, found["by size, marks"])]), flush=True)
            at = reviewer.history
            total[kind].append((at[100][2], int(reviewer.missed.sum()), at[LAST][1] - at[0][1]))
    for kind, figures in total.items():
        got, missed, wrong = np.sum(figures, axis=0).tolist()
        print(
            f"{kind}: {got} of {missed} missed ({100 * got / max(missed, 1):.0f} %), {wrong} wrong"
        )


def options() -> argparse.Namespace:
    """The wishes on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, help="faces are kept here between runs")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--references", type=int, default=1)
    parser.add_argument("--enrolled", type=float, default=0.5)
    parser.add_argument("--half", type=int, choices=(0, 1), help="one half of the people alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
