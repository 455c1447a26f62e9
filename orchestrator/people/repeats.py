"""Repeats: answers of a file that are in the archive already, or hold there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from headcount.answers.acts import Act, overruled_faces
from headcount.answers.record import Answer

Said = tuple[Answer, tuple[Act, ...]]
"""An answer and its acts."""

_LINKS = frozenset({"same", "apart"})


def fresh(
    given: Sequence[tuple[Said, bool]], kept: Iterable[Said], holding: Sequence[Said]
) -> list[bool]:
    """Whether each answer of a file says anything new, in order.

    Beside each stands whether the file tells when it was said. Such an answer is a repeat where the
    same was said at the same time, also where that was undone since. Another one is where it holds,
    and nothing later contradicts it but later lines of the file: where these contradict each other
    the last holds, however often the file is given.
    """
    there = {(act, answer.at) for answer, acts in kept for act in acts}
    about = {face for (_, acts), _ in given for act in acts for face in act.faces} | {""}
    new = [False] * len(given)
    for number, ((answer, acts), told) in enumerate(given):
        if told:
            new[number] = not {(act, answer.at) for act in acts} <= there
            there.update((act, answer.at) for act in acts)
    dated = [said for (said, told), is_new in zip(given, new, strict=True) if told and is_new]
    last = {act: n for n, ((_, acts), told) in enumerate(given) if not told for act in acts}
    holds = _Holding([*holding, *dated], last, about)
    for number, ((_, acts), told) in enumerate(given):
        if not told and not all(holds.says(act, number) for act in acts):
            new[number] = True
            holds.add(acts)
    return new


class _Holding:
    """Acts that hold, in order, by the faces that are asked about; the last line that says each."""

    def __init__(self, said: Sequence[Said], last: dict[Act, int], about: set[str]) -> None:
        self._acts: list[Act] = []
        self._about = about
        self._of: defaultdict[str, list[int]] = defaultdict(list)
        self._last = last
        for _, acts in sorted(said, key=_moment):
            self.add(acts)

    def add(self, acts: Iterable[Act]) -> None:
        """Add acts as the latest."""
        for act in acts:
            for face in (act.faces or {""}) & self._about:
                self._of[face].append(len(self._acts))
            self._acts.append(act)

    def says(self, act: Act, line: int) -> bool:
        """Whether an act holds, contradicted since by nothing except later lines."""
        about = {number for face in act.faces or {""} for number in self._of.get(face, ())}
        for number in sorted(about, reverse=True):
            other = self._acts[number]
            if other == act:
                return True
            if _contradicts(other, act) and self._last.get(other, -1) < line:
                return False
        return False


def _moment(said: Said) -> datetime:
    return said[0].at


def _contradicts(later: Act, earlier: Act) -> bool:
    """Whether a later act may change what an earlier one does; of links also through others."""
    if {later.what, earlier.what} == _LINKS:
        return bool(later.faces & earlier.faces)
    return bool(overruled_faces(later, earlier))
