"""Enrolment: from reference photos, one face each, to the rows of the gallery."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount import audit
from headcount.collections.photos import Reference, references_in
from headcount.contract.forgotten import forgotten_people
from headcount.contract.stored.jobs import ReferenceReport
from headcount.contract.vocabulary import is_face_id, name_fault, person_id
from headcount.errors import FatalError, ObjectError, PhotoError
from headcount.storage import Store
from headcount.tables.filters import any_of, parts, quoted
from headcount.tables.schemas import gallery_schema
from headcount.text import printable
from workers.faces.analysis import Analysis, analyse
from workers.runtime.threads import ordered_map
from workers.runtime.unit import Unit
from workers.tables.rows import fixed_lists

DOMINANT = 2.0
"""In a reference photo of several faces, the largest is taken if it has this many times the
area of the next; otherwise nobody can know whose reference it is."""
UNSURE = 0.15
"""A find whose score is so far below the best of its photo is no rival: it may be no face."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What one reference photo gave."""

    reference: Reference
    report: ReferenceReport
    quality: float = 0.0
    embedding: NDArray[np.float32] | None = None
    etag: str = ""
    content: str = ""
    """The SHA-256 of the photo, empty where it could not be used."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reference that the gallery holds from a folder."""

    person_id: str
    person: str
    photo: str
    etag: str
    content: str


def choose_face(analysis: Analysis) -> int | str:
    """The number of the face to enrol, or what is wrong with the photo, in words."""
    if not len(analysis):
        return "no face found"
    sure = analysis.scores >= analysis.scores.max() - UNSURE
    candidates = np.flatnonzero(analysis.usable & sure)
    if not len(candidates):
        return "the face is too small, blurred or turned away to tell who it is"
    areas = analysis.boxes[candidates, 2] * analysis.boxes[candidates, 3]
    order = np.argsort(-areas, kind="stable")
    if len(order) > 1 and areas[order[0]] < DOMINANT * areas[order[1]]:
        return f"{len(order)} faces, and none is clearly the largest: crop it to the person"
    return int(candidates[order[0]])


def enrol_people(unit: Unit) -> tuple[tuple[ReferenceReport, ...], int]:
    """Bring the gallery in step with the people folder; what came from elsewhere stays.

    New and changed references are embedded, those gone from the folder are withdrawn. Gives what
    became of each, and how many were passed over: whoever was forgotten stays so, whatever the
    folder holds. Raises FatalError, and changes nothing, where no reference can be used.
    """
    source = unit.context.open(unit.spec.people or "")
    references = list(references_in(source.list()))
    if not references:
        raise FatalError(
            f"no people found in {source.uri}: expected one folder per person with photos in it, "
            "or photos named after the person (NAME.jpg)"
        )
    forgotten = forgotten_people(unit.store)
    found = len(references)
    references = [r for r in references if person_id(r.person) not in forgotten]
    misnamed = [_misnamed(r) for r in references if name_fault(r.person)]
    references = [r for r in references if not name_fault(r.person)]
    held = _held(unit, source.uri)
    known = {(h.person_id, h.photo): h.etag for h in held}
    fresh = [r for r in references if known.get(_key(r)) != r.photo.etag]
    embedded = list(_embed(unit, source, fresh))
    here = {_key(reference) for reference in references}
    gone = [h for h in held if (h.person_id, h.photo) not in here]
    again = {_key(reference) for reference in fresh}
    replaced = [h for h in held if (h.person_id, h.photo) in again]
    owners = _owners(unit, source.uri, [*gone, *replaced])
    done = {_key(e.reference): e for e in without_shared(embedded, owners)}
    reports = [
        done[_key(r)].report
        if _key(r) in done
        else ReferenceReport(person=r.person, photo=r.photo.key, state="known")
        for r in references
    ] + misnamed
    _require_one(reports, source.uri)
    heirs = {e.content: person_id(e.reference.person) for e in done.values() if e.content}
    unit.confirm()
    _note(unit, gone, heirs, {person for person, _ in here})
    _write(unit, source.uri, list(done.values()), [*gone, *replaced])
    return (*reports, *(_withdrawn(h, heirs) for h in gone)), found - len(references)


def _key(reference: Reference) -> tuple[str, str]:
    return person_id(reference.person), reference.photo.key


def _misnamed(reference: Reference) -> ReferenceReport:
    """The report of a photo whose folder bears no person's name."""
    shown = Reference(printable(reference.person), reference.photo)
    return _report(shown, "bad_name", str(name_fault(reference.person)))


def _require_one(reports: Sequence[ReferenceReport], source: str) -> None:
    if reports and not any(report.good for report in reports):
        raise FatalError(
            f"none of the {len(reports)} reference photos in {source} shows a face "
            f"that can be used (the first: {reports[0].photo}: {reports[0].reason}). "
            "Give photos that show each person alone, the face at least 40 pixels high"
        )


def _held(unit: Unit, source: str) -> list[Held]:
    """The gallery's references from a folder; faces of a collection there that were named are not.

    They are known by their etag, which is the face's id.
    """
    columns = ["person_id", "person", "photo", "etag", "content"]
    rows = unit.table(unit.pack_keys.gallery).read(columns, where=f"source = {quoted(source)}")
    return [Held(**row) for row in rows.to_pylist() if not is_face_id(row["etag"])]


def _owners(unit: Unit, source: str, leaving: Sequence[Held]) -> dict[str, set[str]]:
    """The people of each content in the gallery, less the references of a folder that leave it."""
    gone = {(source, held.person_id, held.photo) for held in leaving}
    columns = ["person_id", "source", "photo", "content"]
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for row in unit.table(unit.pack_keys.gallery).read(columns, where="content != ''").to_pylist():
        if (row["source"], row["person_id"], row["photo"]) not in gone:
            owners[row["content"]].add(row["person_id"])
    return owners


def without_shared(
    enrolled: Sequence[Enrolled], owners: Mapping[str, Collection[str]]
) -> list[Enrolled]:
    """The references, those refused that are another person's too: faces would be nobody's.

    Whom ``owners`` names for a content keeps it; of those that are new together nobody has it.
    """
    new: defaultdict[str, set[str]] = defaultdict(set)
    for one in enrolled:
        if one.content:
            new[one.content].add(person_id(one.reference.person))
    return [_unless_shared(one, owners.get(one.content, ()), new) for one in enrolled]


def _unless_shared(
    one: Enrolled, owners: Collection[str], new: Mapping[str, Collection[str]]
) -> Enrolled:
    mine = person_id(one.reference.person)
    if not one.content:
        return one
    others = sorted(set(owners) - {mine})
    if others:
        reason = f"the same photo is a reference of another person ({', '.join(others)}) already"
    elif len(new[one.content]) > 1:
        reason = "the same photo is in the folder under another name too: neither person has it"
    else:
        return one
    return Enrolled(one.reference, _report(one.reference, "shared", reason))


def _withdrawn(held: Held, heirs: Mapping[str, str]) -> ReferenceReport:
    reason = "under another name now" if held.content in heirs else "gone from the folder"
    return ReferenceReport(person=held.person, photo=held.photo, state="withdrawn", reason=reason)


def _note(
    unit: Unit, gone: Sequence[Held], heirs: Mapping[str, str], staying: Collection[str]
) -> None:
    """Say in the audit log whose references go, and to whom; who keeps none was renamed."""
    lines = Counter((h.person_id, heirs.get(h.content, "")) for h in gone)
    for (person, heir), references in sorted(lines.items()):
        if heir:
            action = "withdraw" if person in staying else "rename"
            audit.record(unit.store, action, person, references=references, to=heir)
        else:
            audit.record(unit.store, "withdraw", person, references=references)


def _embed(unit: Unit, source: Store, references: Sequence[Reference]) -> Iterable[Enrolled]:
    threads = unit.context.settings.threads
    with ThreadPoolExecutor(threads, "enrol") as pool:
        for enrolled in ordered_map(
            pool, lambda r: enrol_one(unit, source, r), references, ahead=2 * threads
        ):
            unit.photos += 1
            yield enrolled


def enrol_one(unit: Unit, source: Store, reference: Reference) -> Enrolled:
    """The face of one reference photo, or the reason why there is none to take."""
    limits = unit.spec.limits
    try:
        blob = source.get(reference.photo.key, limit=limits.max_bytes)
        analysis = analyse(
            blob.data,
            unit.pack,
            max_pixels=limits.max_pixels,
            profile=unit.spec.profile,
            rescue_tight=True,
        )
    except ObjectError as error:
        return Enrolled(reference, _report(reference, "unreadable", error.label()))
    except PhotoError as error:
        return Enrolled(reference, _report(reference, "unreadable", error.reason))
    choice = choose_face(analysis)
    if isinstance(choice, str):
        return Enrolled(reference, _report(reference, _state(analysis), choice))
    x, y, w, h = (float(value) for value in analysis.boxes[choice])
    report = ReferenceReport(
        person=reference.person, photo=reference.photo.key, state="enrolled", box=(x, y, w, h)
    )
    quality = float(analysis.qualities[choice])
    content = hashlib.sha256(blob.data).hexdigest()
    return Enrolled(reference, report, quality, analysis.embeddings[choice], blob.etag, content)


def _state(analysis: Analysis) -> str:
    return "ambiguous" if analysis.usable.any() else "no_face"


def _report(reference: Reference, state: str, reason: str) -> ReferenceReport:
    return ReferenceReport.model_validate(
        {
            "person": reference.person,
            "photo": reference.photo.key,
            "state": state,
            "reason": reason,
        }
    )


def _write(unit: Unit, source: str, enrolled: Sequence[Enrolled], replaced: Sequence[Held]) -> None:
    """Put rows in the place of others; nothing else of the gallery is touched."""
    table = unit.table(unit.pack_keys.gallery)
    for part in parts(replaced):
        keys = any_of("photo", [held.photo for held in part])
        etags = any_of("etag", [held.etag for held in part])
        unit.confirm()
        table.delete(f"source = {quoted(source)} AND {keys} AND {etags}")
    usable = [e for e in enrolled if e.embedding is not None]
    if usable:
        unit.confirm()
        table.append(_rows(usable, source, unit.pack.record.dimensions))


def _rows(enrolled: Sequence[Enrolled], source: str, dimensions: int) -> pa.Table:
    boxes = [e.report.box or (0.0, 0.0, 0.0, 0.0) for e in enrolled]
    columns = {
        "person_id": [person_id(e.reference.person) for e in enrolled],
        "person": [e.reference.person for e in enrolled],
        "source": [source] * len(enrolled),
        "photo": [e.reference.photo.key for e in enrolled],
        "etag": [e.etag for e in enrolled],
        "content": [e.content for e in enrolled],
        **{name: [box[index] for box in boxes] for index, name in enumerate("xywh")},
        "quality": [e.quality for e in enrolled],
        "descriptor": fixed_lists(
            np.stack([e.embedding for e in enrolled if e.embedding is not None])
        ),
    }
    return pa.table(columns, schema=gallery_schema(dimensions))
