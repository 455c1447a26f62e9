"""An explanation in lines for people, from the document of ``explain``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headcount.text import counted

Row = Mapping[str, Any]

DECISIONS = {
    "matched": "matched",
    "inferred": "inferred",
    "unknown": "no name",
    "ignored": "not judged",
}
MOST_DIGITS = 6


def told(document: Row) -> Iterator[str]:
    """The lines of a document of a face, a photo or a person."""
    yield from {"face": _face, "photo": _photo, "person": _person}[document["kind"]](document)
    for note in document["notes"]:
        yield f"note: {note}"


def _face(document: Row) -> Iterator[str]:
    face, decision = document["face"], document["decision"]
    yield f"Face {face['face_id']} of {face['photo']}"
    yield f"{_who(decision)}: {decision['because']}"
    yield from _job(document["job"])
    found = document["found"]
    drawn = "drawn by a person" if found["drawn_by_a_person"] else f"pass {found['pass']}"
    box = " ".join(f"{value:.0f}" for value in face["box"])
    yield (
        f"Found: {drawn}, box {box}, reading {found['reading']}, orientation "
        f"{found['orientation']}, by job {found['found_by_job']}"
    )
    yield from _quality(document["quality"])
    yield from _section("Rules", (_rule(rule) for rule in document["rules"]))
    limit = document["thresholds"][0]["value"]
    yield from _section("Nearest", (t for p in document["nearest"] for t in _nearest(p, limit)))
    yield from _section("Thresholds", map(_threshold, document["thresholds"]))
    yield from _cluster(document["cluster"])
    yield from _expected(document["expected"])
    yield from _answers(document["answers"])
    yield from _section("What would change it", _changes(document))


def _who(decision: Row) -> str:
    said = DECISIONS[decision["decision"]]
    return f"{said} ({decision['person']})" if decision["person"] else said


def _job(job: Row) -> Iterator[str]:
    people = counted(job["people"], "person", "people")
    yield (
        f"Job {job['job_id']} ({job['ended'][:16].replace('T', ' ')}) of {job['collection']}, "
        f"pack {job['pack']}, {counted(job['references'], 'reference')} of {people}"
    )


def _quality(quality: Row) -> Iterator[str]:
    parts = ", ".join(
        f"{part['part']} {part['value']:.2f} (takes it to {part['factor']:.2f})"
        for part in quality["parts"]
    )
    yield (
        f"Quality {_apart(quality['quality'], quality['at_least'])} of at least "
        f"{quality['at_least']:.2f}: {parts}"
    )


def _rule(rule: Row) -> str:
    signs = {"for": "+", "against": "-", "aside": "."}
    settled = "  <- this settled it" if rule["settled"] else ""
    by = f" (answer {', '.join(rule['answers'])})" if rule["answers"] else ""
    return f"{signs[rule['held']]} {rule['text']}{by}{settled}"


def _nearest(person: Row, limit: float) -> Iterator[str]:
    said = "  (said not to be this person)" if person["not_this_person"] else ""
    by = "the mean of " if person["by"] == "mean" else ""
    count = counted(person["reference_count"], "reference")
    yield f"{_apart(person['worth'], limit)}  {person['person']}, by {by}{count}{said}"
    for reference in person["references"][:3]:
        worth = _apart(reference["worth"], limit)
        yield f"      {worth}  {reference['source']}{reference['photo']}"


def _threshold(one: Row) -> str:
    value = f"{one['value']:.{1 if one['value'] > 1 else 3}f}"
    return f"{_spaced(one['name']):<16} {value:>6}  {one['from']}"


def _cluster(cluster: Row | None) -> Iterator[str]:
    if cluster is None:
        return
    named = f", named {cluster['person']} by {cluster['matched']}" if cluster["person"] else ""
    faces = counted(cluster["faces"], "face")
    like = ". Most like it:" if cluster["most_like"] else ""
    yield f"Cluster {cluster['cluster_id']}: {faces}{named}{like}"
    for face in cluster["most_like"]:
        yield f"  {face['likeness']:.2f}  {face['face_id']}  {face['photo']}  {_who(face)}"


def _expected(rows: list[Row]) -> Iterator[str]:
    def lines() -> Iterator[str]:
        for row in rows:
            mine = "  <- this face" if row.get("this_face") else ""
            yield f"{row['person']}: {_spaced(row['status'])}, {row['reason']}{mine}"

    yield from _section("Expected in this photo", lines())


def _answers(rows: list[Row]) -> Iterator[str]:
    def lines() -> Iterator[str]:
        for row in rows:
            person = f" {row['person']}" if row["person"] else ""
            new = f" -> {row['new_person']}" if row["new_person"] else ""
            where = f" in {row['photo']}" if row["photo"] else ""
            by = f" by {row['by']}" if row["by"] else ""
            faces = f", {counted(row['faces'], 'face')} here" if row["faces"] else ""
            yield f"{row['id']}  {row['what']}{person}{new}{where}, {row['at'][:16]}{by}{faces}"

    yield from _section("Answers", lines())


def _changes(document: Row) -> Iterator[str]:
    for change in document["would_change"]:
        yield f"- {change['text']}"
        if change["line"]:
            yield f"    {change['line']}"
    if any(change["line"] for change in document["would_change"]):
        yield f"Lines are for `headcount apply -`, after the line {document['lines_begin_with']}"


def _photo(document: Row) -> Iterator[str]:
    photo = document["photo"]
    yield f"Photo {photo['photo']}"
    reason = f": {photo['reason']}" if photo["reason"] else ""
    yield f"Outcome: {_spaced(photo['outcome'])}{reason}"
    yield from _job(document["job"])
    taken = f", taken {photo['taken']} ({photo['taken_source']})" if photo["taken"] else ""
    yield (
        f"{photo['width']} x {photo['height']}, orientation {photo['orientation']}, reading "
        f"{photo['reading'] or 1}, profile {photo['profile']}{taken}"
    )
    passes = ", ".join(f"{name} {number}" for name, number in document["passes"].items())
    yield f"Faces by the pass that found them: {passes or 'none'}"
    yield from _section(
        "Faces, from left to right", (t for f in document["faces"] for t in _in_photo(f))
    )
    yield from _expected(document["expected"])
    yield from _answers(document["answers"])


def _in_photo(face: Row) -> Iterator[str]:
    near = ""
    if face["nearest"] and face["worth"] is not None:
        near = f"  nearest {face['nearest']} {face['worth']:.2f}"
    yield f"{face['face_id']}  {_who(face)}  quality {face['quality']:.2f}{near}"
    yield f"    {face['because']}"


def _person(document: Row) -> Iterator[str]:
    person = document["person"]
    enrolled = "" if person["enrolled"] else ", who has no reference"
    yield f"{person['person']} ({person['person_id']}){enrolled}"
    yield from _job(document["job"])
    yield from _section("References", (_reference(row) for row in document["references"]))
    limit = document["match_threshold"]
    yield from _section(
        "People who are alike",
        (f"{_apart(row['worth'], limit)}  {row['person']}" for row in document["alike"]),
    )
    faces = document["faces"]
    counts = ", ".join(f"{number:,} {name}" for name, number in faces["decisions"].items())
    yield f"Faces with this name: {counts or 'none'}, in {counted(faces['photos'], 'photo')}"
    yield from _section(
        "Near misses",
        (
            f"{_apart(row['worth'], limit)}  {row['face_id']}  {row['photo']}: {row['because']}"
            for row in document["near_misses"]
        ),
    )
    yield from _answers(document["answers"])
    yield from _section(
        "Expected",
        (f"{row['photo'] or row['scope']} ({row['needed']})" for row in document["expected"]),
    )


def _reference(row: Row) -> str:
    quality = "" if row["quality"] is None else f"quality {row['quality']:.2f}, "
    named = "a named face" if row["named_face"] else "of the people folder"
    return f"{row['source']}{row['photo']}  {quality}reading {row['reading']}, {named}"


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    """A title and its lines; nothing where there are none."""
    for number, line in enumerate(lines):
        if not number:
            yield f"{title}:"
        yield f"  {line}"


def _apart(value: float, limit: float) -> str:
    """A value with two digits, and more where it would read as the limit that it is not."""
    for digits in range(2, MOST_DIGITS):
        if f"{value:.{digits}f}" != f"{limit:.{digits}f}" or value == limit:
            return f"{value:.{digits}f}"
    return f"{value:.{MOST_DIGITS}f}"


def _spaced(word: str) -> str:
    return word.replace("_", " ")
