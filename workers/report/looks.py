"""What is worth a look in words: the question, the reason, and the lines that answer it."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Sequence

from headcount.answers.lines import COLUMNS
from headcount.answers.record import What
from headcount.contract.vocabulary import Decision
from headcount.storage.uris import local_path
from headcount.text import counted
from workers.report.phrases import why
from workers.report.view import ShownLook
from workers.report.worth_a_look import Kind

ANSWERS_FILE = "answers.csv"
HEADER = ",".join(COLUMNS[:3])
"""The first line of a file of answers."""

KINDS = {
    Kind.NEAR_MISS: "Near miss",
    Kind.INFERRED: "Inferred",
    Kind.SMALL_MARGIN: "Two people close",
    Kind.NEAREST: "Somewhat alike",
}


def reason(shown: ShownLook, threshold: float, margin: float) -> str:
    """Reason why a face is worth a look, in one clause."""
    face, kind = shown.face, shown.look.kind
    if kind is Kind.NEAR_MISS and face.weight is not None:
        return f"Lacks {gap(threshold - face.weight)} of the similarity that a name needs"
    if kind is Kind.SMALL_MARGIN and face.decision is Decision.MATCHED and face.margin is not None:
        return f"{face.runner_up} is just {gap(face.margin)} behind"
    if kind is Kind.INFERRED and face.nearest not in (None, face.person):
        return f"{why(face, threshold, margin)}; by itself nearest to {face.nearest}"
    return why(face, threshold, margin)


def gap(value: float) -> str:
    """Format a small difference of similarities, with three decimals."""
    return f"{value:.3f}"


def alike(shown: ShownLook) -> str:
    """The further faces of the cluster for which the same is asked; empty without any."""
    group = f" of group {shown.face.tag}" if shown.face.tag else " of its group"
    return counted(shown.look.alike, "more face") + group if shown.look.alike else ""


def answer_lines(shown: ShownLook) -> tuple[str, str]:
    """The lines of a file of answers that say yes and no.

    A name makes the face a reference; a face that has the name already is only confirmed.
    """
    yes: What = "name" if shown.face.decision is Decision.UNKNOWN else "confirm"
    return answer_line(yes, shown), answer_line("not", shown)


def answer_line(what: What, shown: ShownLook) -> str:
    """A line of a file of answers: the word, the face and the person."""
    file = io.StringIO()
    row = [what, shown.look.face_id, shown.look.person]
    csv.writer(file, lineterminator="").writerow(row)
    return file.getvalue()


def command(archive: str, *words: str) -> str:
    """A full command on an archive, to be pasted into a shell."""
    place = str(local_path(archive)) if archive.startswith("file://") else archive
    return " ".join(("headcount", *words, "--archive", shlex.quote(place)))


def shown_lines(looks: Sequence[ShownLook]) -> list[tuple[ShownLook, str, str]]:
    """Each look with its lines that say yes and no."""
    return [(look, *answer_lines(look)) for look in looks]
