"""Answers that contradict each other, in words: inside a file, and with the archive."""

from __future__ import annotations

from collections.abc import Sequence

from headcount.answers.acts import overruled_by
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from headcount.text import counted
from orchestrator.people.repeats import Said

SHOWN = 20
"""Contradictions that are told, at most."""

ALONE = 0
"""Number of a line that is in no file."""


def contradictions(new: Sequence[tuple[int, Said]], holding: Sequence[Said]) -> list[str]:
    """Sentences about new answers that overrule others, or are overruled; the later one holds.

    ``new`` are with the numbers of their lines, ``holding`` the archive's answers that hold.
    """
    about = {face for _, (_, acts) in new for act in acts for face in act.faces}
    old = [said for said in holding if any(act.faces & about for act in said[1])]
    both = [(None, said) for said in old] + [(number, said) for number, said in new]
    both.sort(key=lambda one: one[1][0].at)
    renames = Renames.of(answer for _, (answer, _) in both)
    overruled = overruled_by(
        [acts for _, (_, acts) in both],
        lambda person: person and renames.now(person, None)[0],
    )
    told = dict.fromkeys(
        f"{_told(*both[later])} overrules {_told(*both[earlier])}{_extent(faces, both[earlier][1])}"
        for earlier, over in enumerate(overruled)
        for later, faces in over.items()
        if both[earlier][0] is not None or both[later][0] is not None
    )
    more = [f"and {len(told) - SHOWN:,} more"] if len(told) > SHOWN else []
    return [*list(told)[:SHOWN], *more]


def _told(number: int | None, said: Said) -> str:
    answer = said[0]
    if number == ALONE:
        return f"this ({saying(answer)})"
    if number is not None:
        return f"line {number} ({saying(answer)})"
    return f"answer {answer.id} of {answer.at:%Y-%m-%d} ({saying(answer)})"


def saying(answer: Answer) -> str:
    """The word of an answer and who it is about."""
    to = f" -> {answer.new_person}" if answer.new_person else ""
    return f"{answer.what} {answer.person or ''}".rstrip() + to


def _extent(faces: frozenset[str], said: Said) -> str:
    """Words about how many faces are concerned; nothing where it is all of them."""
    every = {face for act in said[1] for face in act.faces}
    return "" if faces >= every else f" for {len(faces):,} of {counted(len(every), 'face')}"
