"""Phrases of the report: counts, durations, and the reason of each face's decision."""

from __future__ import annotations

from datetime import datetime

from headcount.answers.record import Answer
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import (
    DISMISSED,
    EXPECTED_HERE,
    NAMED_BY_PERSON,
    NOT_A_FACE,
    Decision,
)
from headcount.rosters.statuses import Status
from headcount.text import counted
from workers.report.reasons import too_poor_to_tell, unnamed_because
from workers.report.view import Report, ShownFace, ShownPhoto

OUTCOMES = {
    "faces": "Faces found",
    "no_face": "No face found",
    "unreadable": "Unreadable",
    "too_large": "Too large",
    "missing": "Gone from the collection",
    "denied": "Access denied",
    "crashed": "Crashed the reader",
}

DECISIONS = {
    Decision.MATCHED: "Matched",
    Decision.INFERRED: "Inferred",
    Decision.UNKNOWN: "Unknown",
    Decision.IGNORED: "Ignored",
}

STATES = {
    "enrolled": "Enrolled",
    "known": "Already enrolled",
    "withdrawn": "Withdrawn",
    "no_face": "No face found",
    "ambiguous": "Several faces",
    "blurred": "Too blurred",
    "cut_off": "Cut off",
    "unlike": "Unlike the others",
    "unreadable": "Unreadable",
    "shared": "Somebody else's too",
    "bad_name": "No name",
}

REMEDIES = {
    "no_face": "Use a sharper or larger photo in which the face is turned to the camera.",
    "ambiguous": "Crop the photo to this person alone, or use another photo.",
    "blurred": "Use a sharper photo; `--keep-poor` takes this one all the same.",
    "cut_off": "Use a photo with the whole face in it; `--keep-poor` takes this one all the same.",
    "unlike": "Remove it if it shows somebody else; `--keep-poor` takes it all the same.",
    "unreadable": "Open the file in a picture program and save it again as JPEG or PNG.",
    "shared": "Keep the photo with the one person it shows.",
    "bad_name": "Name the folder as the person is called.",
}

STATUSES = {
    Status.NEAR_MISS: "Near miss",
    Status.TOO_POOR_TO_SAY: "Too poor to say",
    Status.ABSENT: "Absent",
    Status.PHOTO_UNREADABLE: "Photo unreadable",
    Status.PHOTO_ABSENT: "Photo not in the collection",
    Status.NOT_ENROLLED: "Not enrolled",
}

IN_SOME = "in some photo of"
"""Words before a scope that expects somebody in at least one of its photos."""

_SAID = {
    NOT_A_FACE: "No face, said a person",
    DISMISSED: "A person said to leave this one alone",
}

EMPTY_FILE = "empty file"
"""Reason of a photo of no bytes, which no picture program opens."""


def number(value: int) -> str:
    """Format a number with thousands separators."""
    return f"{value:,}"


def moment(at: datetime) -> str:
    """Format a time by the clock on the wall; a midnight, which may be a date alone, as a date."""
    clock = f", {at:%H:%M}" if (at.hour, at.minute, at.second) != (0, 0, 0) else ""
    return f"{day(at)}{clock}"


def score(value: float, beside: float | None = None) -> str:
    """Format a similarity or a margin with two decimals and a true minus sign.

    Three where it would read like the number ``beside`` it, and is another one.
    """
    alike = beside is not None and value != beside and f"{value:.2f}" == f"{beside:.2f}"
    return f"{value:.{3 if alike else 2}f}".replace("-", "\N{MINUS SIGN}")


def day(at: datetime) -> str:
    """Format a date."""
    return f"{at.day} {at:%B} {at.year}"


def named_by_whom(answer: Answer) -> str:
    """Who named a face and when, in words; an answer that tells nobody is the reader's own."""
    return f"Named by {answer.by or 'you'}, {day(answer.at)}"


def percent(value: float) -> str:
    """Format a probability; one that single precision has rounded to 1 is "> 99 %"."""
    rounded = f"{value:.0%}".removesuffix("%")
    if rounded == "100":
        return "> 99 %"
    return "< 1 %" if rounded == "0" and value > 0 else f"{rounded} %"


def duration(seconds: float) -> str:
    """Format seconds as hours and minutes, minutes and seconds, or seconds."""
    whole = round(seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def sentence(report: Report) -> str:
    """Sum up the run in one sentence."""
    found = f"{counted(report.photos, 'photo')}, {counted(report.faces, 'face')}"
    parts = []
    if report.faces:
        parts.append(_recognised(report))
        nobody = counted(report.clusters_total, "person", "people")
        parts.append(f"{nobody} nobody has named")
    if report.missing_total:
        parts.append(f"{number(report.missing_total)} expected and not found")
    if report.missing and report.missing.untold:
        parts.append(f"{number(report.missing.untold)} expected and not checked")
    if report.unprocessed:
        parts.append(f"{counted(report.unprocessed, 'photo')} could not be read")
    if report.left:
        parts.append(f"{counted(report.left, 'photo')} left to the next job")
    return f"{found}: {', '.join(parts)}." if parts else f"{found}."


def _recognised(report: Report) -> str:
    if not report.enrolled:
        return "no people enrolled to recognise"
    if not report.found:
        return f"none of {counted(report.enrolled, 'person', 'people')} recognised"
    times = {1: "once", 2: "twice"}.get(report.named, f"{report.named:,} times")
    return f"{counted(report.found, 'person', 'people')} recognised {times}"


def why(face: ShownFace, threshold: float, margin: float) -> str:
    """Reason of a face's decision, in one clause; empty for a match by itself.

    A match needs the similarity ``threshold``, less the discount of two poor pictures, and the lead
    ``margin`` over the runner-up.
    """
    if face.evidence in _SAID:
        return _SAID[face.evidence]
    if face.decision is Decision.IGNORED:
        return f"Too poor to judge: quality {score(face.quality)}"
    if face.decision is Decision.INFERRED:
        expected = face.evidence == EXPECTED_HERE
        basis = "expected in this photo" if expected else "grouped with faces that are"
        poor = too_poor_to_tell(face, threshold)
        alone = "Too poor a picture to tell by itself" if poor else "Not similar enough by itself"
        return f"{alone}; {basis}"
    if face.decision is Decision.MATCHED:
        by_hand = face.evidence == NAMED_BY_PERSON
        return (face.said or "Named by a person") if by_hand else ""
    return unnamed_because(face, threshold, margin)


def remedy(reference: ReferenceReport) -> str:
    """Advice on a reference that could not be used; empty for one that could."""
    if reference.reason == EMPTY_FILE:
        return "There is nothing in the file: copy the photo into the folder again."
    return REMEDIES.get(reference.state, "")


def picture(photo: ShownPhoto) -> str:
    """Describe a photo in words, for those who do not see it."""
    named = [face.person for face in photo.faces if face.person]
    unknown = sum(face.decision is Decision.UNKNOWN for face in photo.faces)
    parts = list(dict.fromkeys(named))
    if unknown:
        parts.append(f"{number(unknown)} not recognised")
    whom = f": {', '.join(parts)}" if parts else ""
    return f"{photo.key}, {counted(len(photo.faces), 'face')}{whom}"
