"""Random answers, some of which are taken back: as if these had never been given."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from headcount.answers.kept import record_answers
from headcount.answers.record import Answer, What
from tests.workers.identity.answering import Answering

PEOPLE = ("Ada", "Bob", "Cy", "Dee")
PHOTOS = {
    "a": "ada",
    "b": "ada~0.8 bob",
    "c": "ada~0.7 cy ada~0.75",
    "d": "bob~0.8 eve",
    "e": "eve~0.8 fay",
    "f": "fay~0.85 fay~0.95 cy~0.6",
    "g": "cy~0.7 dee!",
    "h": "ada~0.46 bob~0.47 cy~0.48",
}
ROSTER = ("[a-e].jpg,Ada,every", "[f-h].jpg,Bob,some", "g.jpg,Cy,every", "e.jpg,Dee,every")
WORDS: tuple[What, ...] = (
    *("name", "name", "name", "name", "confirm", "not", "same", "apart", "dismiss", "not_a_face"),
    *("reference", "no_reference", "rename", "accept_absent"),
)
ROUNDS = 3


class Chooser:
    """Answers chosen at random, and given to an archive and, but for those undone, to another.

    ``history`` has the faces of the first archive after each of its jobs.
    """

    def __init__(self, seed: int, one: Answering, other: Answering) -> None:
        self.random, self.one, self.other = random.Random(seed), one, other  # noqa: S311 (no secret)
        self.given: list[list[Answer]] = []
        self.undone: list[Answer] = []
        self.history: dict[str, dict[str, Any]] = {}

    def give(self) -> None:
        """Give one answer to the first archive."""
        what = self.random.choice(WORDS)
        people = self.random.sample(PEOPLE, 2)
        faces = self.random.sample(sorted(self.one.faces), self.random.choice((1, 1, 2, 3)))
        if what == "rename":
            answer = self.one.rename(*people)
        elif what == "accept_absent":
            place = self.random.choice(("a.jpg", "e.jpg", "[f-h].jpg", "g.jpg"))
            answer = self.one.say(what, who=people[0], photo=place)
        elif what == "apart":
            answer = self.one.apart(faces[0], " ".join(faces[1:]) or self._another(faces[0]))
        elif what == "name" and self.random.random() < 0.4:
            answer = self._of_cluster(people[0])
        else:
            who = people[0] if what in ("name", "confirm", "not") else ""
            pair = [faces[0], self._another(faces[0])]
            answer = self.one.say(what, " ".join(pair if what == "same" else faces), who)
        self.given[-1].append(answer)

    def _another(self, face: str) -> str:
        return self.random.choice([other for other in sorted(self.one.faces) if other != face])

    def _of_cluster(self, who: str) -> Answer:
        """Name a whole cluster, some faces of which become references."""
        clusters = {row["cluster_id"] for row in self.one.faces.values()} - {None}
        cluster = self.random.choice(sorted(clusters))
        inside = [f for f, row in sorted(self.one.faces.items()) if row["cluster_id"] == cluster]
        moment = {"cluster": cluster, "job_id": str(self.one.number)}
        return self.one.say("name", " ".join(inside[:2]), who, **moment)

    def undo(self) -> None:
        """Take back one of the answers given so far."""
        left = [a for some in self.given for a in some if a not in self.undone]
        if left:
            answer = self.random.choice(left)
            self.undone.append(answer)
            taken = self.one.undo(answer)
            if self.random.random() < 0.3:  # and once more: an undo that is undone
                self.one.undo(self.one.undo(taken))

    def by_face(self, answer: Answer) -> Answer:
        """An answer about a cluster as one about the faces that it had then."""
        if answer.cluster is None:
            return answer
        known = {mark.face_id for mark in answer.faces}
        more = [
            f
            for f, row in self.history[answer.job_id or ""].items()
            if row["cluster_id"] == answer.cluster and row["face_id"] not in known
        ]
        marks = self.other.marks(more, reference=False) if more else ()
        return answer.model_copy(update={"faces": answer.faces + marks, "cluster": None})


def told_without_ids(archive: Answering) -> dict[str, Any]:
    return {**archive.told(), "gallery": archive.gallery()}


@pytest.mark.parametrize(("seed", "gone"), [(n, ("b", "d") if n % 2 else ()) for n in range(8)])
def test_an_archive_whose_answers_are_taken_back_is_as_one_that_never_had_them(
    tmp_path: Path, seed: int, gone: tuple[str, ...]
) -> None:
    one = Answering(tmp_path / "one", photos=PHOTOS)
    other = Answering(tmp_path / "other", photos=PHOTOS)
    chooser = Chooser(seed, one, other)
    more = {2: {"z": PHOTOS["a"], "i": "ada~0.8 dee"}, 3: {"j": "bob~0.5 eve~0.7"}}
    for number in range(1, ROUNDS + 1):
        one.run(*ROSTER, **more.get(number, {}))
        chooser.history[str(number)] = dict(one.faces)
        chooser.given.append([])
        for _ in range(chooser.random.randint(4, 7)):
            chooser.give()
        for _ in range(chooser.random.randint(0, 2)):
            chooser.undo()
    one.remove(*gone).run(*ROSTER)
    for _ in range(chooser.random.randint(1, 4)):
        chooser.undo()
    one.run(*ROSTER)
    for number, answers in enumerate(chooser.given, start=1):
        other.run(*ROSTER, **more.get(number, {}))
        kept = [chooser.by_face(answer) for answer in answers if answer not in chooser.undone]
        record_answers(other.store, kept)
    other.remove(*gone).run(*ROSTER).run(*ROSTER)
    assert told_without_ids(one) == told_without_ids(other)
    assert {who for who, _, _ in one.gallery()} <= set(PEOPLE)
