"""The answers that an archive keeps, with their acts: all faces of clusters counted in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from headcount.answers.acts import acts_of
from headcount.answers.kept import holding, undone
from headcount.answers.record import Answer, FaceMark
from headcount.assignments.moment import cluster_faces
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.storage import Store
from orchestrator.people.latest_assignments import pack_ids
from orchestrator.people.repeats import Said


@dataclass(frozen=True, slots=True)
class Kept:
    """Recorded answers in order, the ids of those undone, and the faces of the clusters meant."""

    answers: tuple[Answer, ...]
    undone: frozenset[str]
    members: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, store: Store, answers: Sequence[Answer]) -> Kept:
        """The answers of an archive, in order."""
        return cls(tuple(answers), frozenset(undone(answers)), tuple(members_of(store, answers)))

    @property
    def holding(self) -> list[Answer]:
        """The answers that nobody took back, without undos."""
        return holding(self.answers)

    def holds(self, answer: Answer) -> bool:
        """Whether an answer is no undo, and was not taken back."""
        return answer.what != "undo" and answer.id not in self.undone

    def said(self, meant: Callable[[FaceMark], str]) -> list[Said]:
        """All answers with their acts; ``meant`` gives the face that a mark means."""
        pairs = zip(self.answers, self.members, strict=True)
        return [said_of(answer, members, meant) for answer, members in pairs]


def said_of(
    answer: Answer, members: Iterable[str], meant: Callable[[FaceMark], str] | None = None
) -> Said:
    """An answer with its acts."""
    return answer, acts_of(answer, members, meant)


def members_of(store: Store, answers: Sequence[Answer]) -> list[tuple[str, ...]]:
    """Ids of all faces of the cluster that each answer means, by the pack that it was said of.

    None where it means no cluster, and where the assignments of that job are gone.
    """
    moments = [answer.moment for answer in answers]
    found: list[tuple[str, ...]] = [()] * len(answers)
    record = find_record(store, ARCHIVE, ArchiveRecord) if any(moments) else None
    used = [record.model.pack_id] if record else []
    packs = [*used, *(one for one in pack_ids(store) if one not in used)] if record else []
    for pack in packs:
        left = [None if faces else one for one, faces in zip(moments, found, strict=True)]
        if any(left):
            some = cluster_faces(store, PackKeys(pack), left)
            found = [one or other for one, other in zip(found, some, strict=True)]
    return found
