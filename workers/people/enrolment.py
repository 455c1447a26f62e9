"""Enrolment: reference photos, one face each, become rows of the gallery."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headcount import audit
from headcount.collections.photos import Reference, references_in
from headcount.collections.selection import LeftOut
from headcount.contract import reading
from headcount.contract.columns import QUALITY_PARTS
from headcount.contract.forgotten import forgotten_people
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import is_face_id, name_fault, person_id
from headcount.errors import FatalError
from headcount.storage import Store
from headcount.tables.filters import any_of, parts, quoted
from headcount.tables.schemas import gallery_schema
from headcount.tables.table import Table
from headcount.text import printable
from workers.people.reference_gate import ReferenceGate, known_faces
from workers.people.reference_photo import Enrolled, report_of
from workers.runtime.threads import ordered_map
from workers.tables.rows import fixed_lists


@dataclass(frozen=True, slots=True)
class Held:
    """A reference in the gallery that came from a folder."""

    person_id: str
    person: str
    photo: str
    etag: str
    content: str


def enrol_people(
    source: Store,
    gallery: Table,
    archive: Store,
    enrol: Callable[[Reference], Enrolled],
    *,
    gate: ReferenceGate,
    threads: int,
    confirm: Callable[[], None],
    progress: Callable[[], None],
    left_out: LeftOut | None = None,
) -> tuple[tuple[ReferenceReport, ...], int]:
    """Bring the gallery in step with the people folder; references from elsewhere stay.

    New and changed references are embedded by ``enrol`` and pass the ``gate``, those gone from the
    folder are withdrawn. What is no reference is counted in ``left_out``.
    Returns the report on each, and the number of references of forgotten people, which are passed
    over. Raises FatalError, and changes nothing, if no reference can be used. ``confirm`` raises
    if nothing may be written any more; ``progress`` is called after each embedded reference.
    """
    references = list(references_in(source, left_out))
    if not references:
        raise FatalError(
            f"no people found in {source.uri}: expected one folder per person with photos in it, "
            "or photos named after the person (NAME.jpg)"
        )
    forgotten = forgotten_people(archive)
    found = len(references)
    references = [r for r in references if person_id(r.person) not in forgotten]
    misnamed = [_misnamed(r) for r in references if name_fault(r.person)]
    references = [r for r in references if not name_fault(r.person)]
    held = _held(gallery, source.uri)
    known = {(h.person_id, h.photo): h.etag for h in held}
    fresh = [r for r in references if known.get(_key(r)) != r.photo.etag]
    embedded = embed_all(fresh, enrol, threads, progress)
    here = {_key(reference) for reference in references}
    gone = [h for h in held if (h.person_id, h.photo) not in here]
    again = {_key(reference) for reference in fresh}
    replaced = [h for h in held if (h.person_id, h.photo) in again]
    leaving = {(source.uri, h.person_id, h.photo) for h in (*gone, *replaced)}
    owners = _owners(gallery, leaving)
    passed = _gated(without_shared(embedded, owners), gallery, leaving, gate)
    done = {_key(e.reference): e for e in without_shared(passed, owners)}
    reports = [_report_of(reference, done) for reference in references] + misnamed
    _require_one(reports, source.uri)
    heirs = {e.content: person_id(e.reference.person) for e in done.values() if e.content}
    confirm()
    _note(archive, gone, heirs, {person for person, _ in here})
    _write(gallery, source.uri, list(done.values()), [*gone, *replaced], confirm)
    return (*reports, *(_withdrawn(h, heirs) for h in gone)), found - len(references)


def _key(reference: Reference) -> tuple[str, str]:
    return person_id(reference.person), reference.photo.key


def _report_of(
    reference: Reference, embedded: Mapping[tuple[str, str], Enrolled]
) -> ReferenceReport:
    """The report of a reference; one that was not embedded again is known."""
    if _key(reference) in embedded:
        return embedded[_key(reference)].report
    return ReferenceReport(person=reference.person, photo=reference.photo.key, state="known")


def _misnamed(reference: Reference) -> ReferenceReport:
    """Report on a photo whose folder has no valid name of a person."""
    shown = Reference(printable(reference.person), reference.photo)
    return report_of(shown, "bad_name", str(name_fault(reference.person)))


def _require_one(reports: Sequence[ReferenceReport], source: str) -> None:
    poor = any(report.state in ("blurred", "cut_off") for report in reports)
    if reports and not any(report.good for report in reports):
        raise FatalError(
            f"none of the {len(reports)} reference photos in {source} shows a face "
            f"that can be used (the first: {reports[0].photo}: {reports[0].reason}). "
            "Give sharp photos that show each person alone, the face at least 40 pixels high"
            + ("; --keep-poor takes these all the same" if poor else "")
        )


def _held(gallery: Table, source: str) -> list[Held]:
    """References of the gallery that came from a folder.

    Named faces of a collection in that folder are left out: their etag is a face id.
    """
    columns = ["person_id", "person", "photo", "etag", "content"]
    rows = gallery.read(columns, where=f"source = {quoted(source)}")
    return [Held(**row) for row in rows.to_pylist() if not is_face_id(row["etag"])]


def _gated(
    embedded: Sequence[Enrolled],
    gallery: Table,
    leaving: Collection[tuple[str, str, str]],
    gate: ReferenceGate,
) -> list[Enrolled]:
    """References as they pass the gate beside those that stay in the gallery."""
    people = {person_id(one.reference.person) for one in embedded}
    return gate.judged(embedded, known_faces(gallery, people, leaving, gate.cosine_per_decade))


def _owners(gallery: Table, leaving: Collection[tuple[str, str, str]]) -> dict[str, set[str]]:
    """People of each content in the gallery, without the references that are ``leaving`` it."""
    columns = ["person_id", "source", "photo", "content"]
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for row in gallery.read(columns, where="content != ''").to_pylist():
        if (row["source"], row["person_id"], row["photo"]) not in leaving:
            owners[row["content"]].add(row["person_id"])
    return owners


def without_shared(
    enrolled: Sequence[Enrolled], owners: Mapping[str, Collection[str]]
) -> list[Enrolled]:
    """Refuse references whose content is another person's too: a match would be ambiguous.

    An owner in ``owners`` keeps the content; of several people who are new with it, none gets it.
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
    return Enrolled(one.reference, report_of(one.reference, "shared", reason))


def _withdrawn(held: Held, heirs: Mapping[str, str]) -> ReferenceReport:
    reason = "under another name now" if held.content in heirs else "gone from the folder"
    return ReferenceReport(person=held.person, photo=held.photo, state="withdrawn", reason=reason)


def _note(
    archive: Store, gone: Sequence[Held], heirs: Mapping[str, str], staying: Collection[str]
) -> None:
    """Record in the audit log the references that go, and the person they go to.

    A person whose references all go to another was renamed.
    """
    lines = Counter((h.person_id, heirs.get(h.content, "")) for h in gone)
    for (person, heir), references in sorted(lines.items()):
        if heir:
            action = "withdraw" if person in staying else "rename"
            audit.record(archive, action, person, references=references, to=heir)
        else:
            audit.record(archive, "withdraw", person, references=references)


def embed_all(
    references: Sequence[Reference],
    enrol: Callable[[Reference], Enrolled],
    threads: int,
    progress: Callable[[], None],
) -> list[Enrolled]:
    """Enrol references by several threads; ``progress`` is called after each."""
    done = []
    with ThreadPoolExecutor(threads, "enrol") as pool:
        for enrolled in ordered_map(pool, enrol, references, ahead=2 * threads):
            progress()
            done.append(enrolled)
    return done


def _write(
    gallery: Table,
    source: str,
    enrolled: Sequence[Enrolled],
    replaced: Sequence[Held],
    confirm: Callable[[], None],
) -> None:
    """Replace rows of the gallery; all other rows stay."""
    for part in parts(replaced):
        keys = any_of("photo", [held.photo for held in part])
        etags = any_of("etag", [held.etag for held in part])
        confirm()
        gallery.delete(f"source = {quoted(source)} AND {keys} AND {etags}")
    usable = [e for e in enrolled if e.embedding is not None]
    if usable:
        confirm()
        gallery.append(reference_rows(usable, source))


def reference_rows(enrolled: Sequence[Enrolled], source: str) -> pa.Table:
    """Rows of the gallery of enrolled references, each with an embedding."""
    embeddings = np.stack([e.embedding for e in enrolled if e.embedding is not None])
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
        "descriptor": fixed_lists(embeddings),
        "reading": [reading.READING] * len(enrolled),
        "orientation": [e.report.orientation for e in enrolled],
        **{name: [e.parts.get(name) for e in enrolled] for name in QUALITY_PARTS},
    }
    return pa.table(columns, schema=gallery_schema(embeddings.shape[1]))
