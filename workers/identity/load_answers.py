"""An archive's answers, read, and the faces of a run that each means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headcount.answers.claims import Said, references_made
from headcount.answers.kept import holding, read_answers
from headcount.answers.record import Answer, FaceMark
from headcount.answers.renames import Renames
from workers.identity.apply_answers import Answers
from workers.identity.find_marks import faces_here, faces_then, find_marks
from workers.tables.pack_tables import PackTables


def load_answers(
    tables: PackTables,
    faces: pa.Table,
    renames: Renames | None = None,
    every: Sequence[Answer] | None = None,
) -> Answers:
    """The archive's answers; those about other collections mean no face here.

    ``renames`` are those of the answers themselves, unless the gallery goes by earlier ones.
    ``every`` are the answers that are meant, in order, undone ones too; without it, all that the
    archive has.
    """
    every = read_answers(tables.store) if every is None else every
    held = holding(every)
    names = Renames.of(held) if renames is None else renames
    resolved = _resolve(tables, faces, [names.applied(answer) for answer in every])
    holds = {answer.id for answer in held}
    chosen = [one for one in resolved if one.answer.id in holds]
    return Answers(
        tuple(one.answer for one in chosen),
        tuple(one.faces for one in chosen),
        tuple(one.of_marks(lambda mark: mark.side == 1) for one in chosen),
        tuple(one.of_marks(_is_reference) for one in chosen),
        anywhere=tuple(one.anywhere for one in chosen),
        made=references_made([one.anywhere for one in resolved]),
        people=frozenset(one.answer.person_id or "" for one in resolved if one.anywhere.names),
        renames=names,
        as_said={a.id: (a.person_id, a.person) for a in held if a.person_id},
    )


@dataclass(frozen=True, slots=True)
class _Resolved:
    """An answer, the face of this run that each of its marks means, if any, and its cluster's.

    ``then`` are the ids that the faces of its cluster had, ``now`` those that are here.
    """

    answer: Answer
    meant: Sequence[str | None]
    then: tuple[str, ...]
    now: tuple[str, ...]

    @property
    def faces(self) -> tuple[str, ...]:
        """The faces that are here; of two sides those of the first."""
        return tuple(dict.fromkeys((*self.of_marks(lambda mark: mark.side != 1), *self.now)))

    @property
    def anywhere(self) -> Said:
        """The answer with its faces by all ids that they have or had."""
        faces = (*self._all_ids(lambda mark: mark.side != 1), *self.now, *self.then)
        chosen = self._all_ids(_is_reference)
        return Said(self.answer, tuple(dict.fromkeys(faces)), (), chosen)

    def of_marks(self, chosen: Callable[[FaceMark], bool]) -> tuple[str, ...]:
        """The faces that are here of some marks."""
        marks = zip(self.answer.faces, self.meant, strict=True)
        return tuple(face for mark, face in marks if face is not None and chosen(mark))

    def _all_ids(self, chosen: Callable[[FaceMark], bool]) -> tuple[str, ...]:
        marks = zip(self.answer.faces, self.meant, strict=True)
        pairs = ((face, mark.face_id) for mark, face in marks if chosen(mark))
        return tuple(dict.fromkeys(face for pair in pairs for face in pair if face))


def _is_reference(mark: FaceMark) -> bool:
    return mark.reference and mark.side != 1


def _resolve(tables: PackTables, faces: pa.Table, answers: Sequence[Answer]) -> list[_Resolved]:
    meant = iter(find_marks(tables, faces, [mark for one in answers for mark in one.faces]))
    then = faces_then(tables, answers)
    now = faces_here(tables, faces, then)
    return [
        _Resolved(one, [next(meant) for _ in one.faces], old, new)
        for one, old, new in zip(answers, then, now, strict=True)
    ]
