"""The figures of a signed check, as JSON, as sentences and as a part of the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Any

from headcount.assignments.checks.bounds import CONFIDENCE, at_most
from headcount.assignments.checks.draw import KINDS
from headcount.assignments.checks.record import CheckItem, CheckRecord
from headcount.text import counted

METHOD = "Clopper-Pearson, one-sided"
BEGIN, END = "<!-- checked -->", "<!-- /checked -->"
"""Around the part of the report's head that tells of checks."""
_WORDS = dict(
    zip(KINDS, ("matched", "inferred", "expected here", "named by a person"), strict=True)
)


@dataclass(frozen=True, slots=True)
class Figure:
    """How many of the drawn were wrong, and how many at most of all.

    Those that could not be told count as wrong for the bound. ``bound`` is a share; it is that of
    the drawn themselves where all there were was drawn.
    """

    population: int
    drawn: int
    wrong: int
    cannot_tell: int
    bound: float | None
    by_kind: dict[str, tuple[int, int]]
    """Drawn and wrong of each kind."""

    @property
    def is_whole(self) -> bool:
        """Whether all there were was drawn."""
        return self.drawn >= self.population

    def as_json(self) -> dict[str, Any]:
        """The figure for summary.json."""
        kinds = {kind: {"drawn": n, "wrong": wrong} for kind, (n, wrong) in self.by_kind.items()}
        return {
            "population": self.population,
            "drawn": self.drawn,
            "wrong": self.wrong,
            "cannot_tell": self.cannot_tell,
            "at_most": self.bound,
            "by_kind": kinds,
        }


def figure(items: Sequence[CheckItem], population: int) -> Figure:
    """The figure of judged items of one kind, drawn from so many."""
    wrong = sum(item.verdict == "wrong" for item in items)
    unclear = sum(item.verdict not in ("wrong", "right") for item in items)
    kinds: dict[str, tuple[int, int]] = {}
    for item in items:
        number, bad = kinds.get(item.how, (0, 0))
        kinds[item.how] = number + 1, bad + (item.verdict == "wrong")
    bound = None
    if items:
        whole = len(items) >= population
        counted_wrong = wrong + unclear
        bound = counted_wrong / len(items) if whole else at_most(counted_wrong, len(items))
    return Figure(population, len(items), wrong, unclear, bound, dict(sorted(kinds.items())))


def figures(check: CheckRecord) -> tuple[Figure, Figure]:
    """The figures of a check's names and absences."""
    names = [item for item in check.items if item.kind == "name"]
    absences = [item for item in check.items if item.kind == "absence"]
    return (
        figure(names, sum(check.names.values())),
        figure(absences, sum(check.absences.values())),
    )


def as_json(checks: Iterable[CheckRecord]) -> dict[str, Any] | None:
    """The checks of a job for summary.json; None where there is none."""
    all_of = list(checks)
    if not all_of:
        return None
    return {
        "confidence": CONFIDENCE,
        "method": METHOD,
        "signed": [_signed_json(check) for check in all_of if check.signed],
        "unsigned": sum(check.signed is None for check in all_of),
    }


def _signed_json(check: CheckRecord) -> dict[str, Any]:
    names, absences = figures(check)
    return {
        "check": check.id,
        "job_id": check.job_id,
        "seed": check.seed,
        "by": check.by,
        "at": check.signed.isoformat() if check.signed else None,
        "forgotten": check.forgotten,
        "names": names.as_json(),
        "absences": absences.as_json(),
    }


# -- words ----------------------------------------------------------------------------------------


def lines_of(checks: Iterable[CheckRecord]) -> list[str]:
    """The signed checks of a job as sentences, the last one first; what is unsigned at the end."""
    all_of = list(checks)
    lines = []
    for check in reversed([one for one in all_of if one.signed]):
        lines += [*figure_lines(check), signature(check)]
    unsigned = sum(one.signed is None for one in all_of)
    if unsigned:
        lines.append(f"{counted(unsigned, 'check')} of this job begun and not signed: no figure")
    return lines


def figure_lines(check: CheckRecord) -> list[str]:
    """The figures of a check in words."""
    names, absences = figures(check)
    lines = [_line("names", names), *_kind_lines(names)]
    if absences.drawn:
        lines.append(_line("absences", absences))
    return [line for line in lines if line]


def signature(check: CheckRecord) -> str:
    """Who signed a check, when, and how to draw it again."""
    by = check.by or "somebody who was forgotten since"
    when = f"{check.signed:%Y-%m-%d %H:%M} UTC" if check.signed else "not signed yet"
    gone = ""
    if check.forgotten:
        gone = f"; {check.forgotten:,} of the drawn are gone, since their people were forgotten"
    return (
        f"judged by {by}, {when}, of job {check.job_id} (check {check.id}, seed {check.seed}){gone}"
    )


def _line(what: str, found: Figure) -> str:
    if found.bound is None:
        return ""
    said = f"wrong {what} {found.wrong:,} of {found.drawn:,}"
    if found.cannot_tell:
        said += f", and {found.cannot_tell:,} that could not be told, counted as wrong"
    if found.is_whole:
        return f"{said}: these are all there are"
    return (
        f"{said}: at most {percent_up(found.bound)}, 95 % one-sided (Clopper-Pearson), "
        f"drawn from {found.population:,}"
    )


def _kind_lines(found: Figure) -> list[str]:
    if len(found.by_kind) < 2:
        return []
    told = [
        f"{_WORDS.get(kind, kind)} {wrong:,} of {number:,}"
        for kind, (number, wrong) in found.by_kind.items()
    ]
    return [f"wrong among them: {', '.join(told)}"]


def percent_up(share: float) -> str:
    """A share in percent with one decimal, rounded up: a bound is never told too small."""
    return f"{ceil(round(share * 1000, 6)) / 10:.1f} %"


# -- the report -----------------------------------------------------------------------------------


def block(lines: Sequence[str]) -> str:
    """The part of the report's head that tells of checks, as HTML; empty between its marks."""
    told = "".join(f'<p class="checked"><bdi>{escape(line)}</bdi></p>' for line in lines)
    return f"{BEGIN}{told}{END}"


def with_block(page: str, lines: Sequence[str]) -> str | None:
    """A report with other lines about checks; None where it has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return before + block(lines) + after if begin and end else None
