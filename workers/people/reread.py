"""References of an older reading, read anew by this build's: once, and none is lost by it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from headcount.collections.photos import Reference
from headcount.contract import reading
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import person_id
from headcount.errors import HeadcountError, ObjectError, TransientError
from headcount.storage import ObjectInfo, Store
from headcount.tables.filters import any_of, parts, quoted
from headcount.tables.table import Table
from workers.people.enrolment import embed_all, reference_rows
from workers.people.reference_gate import ReferenceGate, known_faces
from workers.people.reference_photo import Enrolled

log = logging.getLogger(__name__)

Enrol = Callable[[Reference, Store], Enrolled]
_COLUMNS = ("person_id", "person", "source", "photo", "etag", "content", "reading")


@dataclass(frozen=True, slots=True)
class Older:
    """A reference photo whose row in the gallery has an older reading."""

    person: str
    source: str
    photo: str
    etag: str
    content: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Its source, person and photo."""
        return self.source, person_id(self.person), self.photo

    @property
    def reference(self) -> Reference:
        """The photo and its person."""
        return Reference(self.person, ObjectInfo(self.photo, self.etag, 0))


@dataclass(slots=True)
class Reread:
    """The number of references that were read anew, and why others stay as they were, by key."""

    read: int = 0
    left: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Both numbers, as the unit's marker has them; those that are 0 are left out."""
        told = {"reread_references": self.read, "older_references": len(self.left)}
        return {name: number for name, number in told.items() if number}

    def told(self, reports: Sequence[ReferenceReport], source: str) -> tuple[ReferenceReport, ...]:
        """The reports on the references of a folder, with the reason where one stays as it was."""
        return tuple(
            report.model_copy(update={"reason": why})
            if report.state == "known"
            and (why := self.left.get((source, person_id(report.person), report.photo)))
            else report
            for report in reports
        )


def reread_references(
    gallery: Table,
    open_source: Callable[[str], Store],
    enrol: Enrol,
    *,
    forgotten: Collection[str],
    gate: ReferenceGate,
    threads: int,
    confirm: Callable[[], None],
    progress: Callable[[], None],
) -> Reread:
    """Embed the photos of older references again, and replace their rows.

    A reference stays as it was where its photo cannot be fetched, was changed, shows this reading
    no face that can be used, or is refused by the ``gate``. Named faces are left out: they follow
    their photo. ``confirm`` raises where nothing may be written any more; ``progress`` is called
    after each photo.
    """
    told = Reread()
    if reading.READING == reading.FIRST:
        return told
    for source, older in older_references(gallery, forgotten).items():
        try:
            store = open_source(source)
            store.check()
        except HeadcountError as error:
            told.left |= {one.key: f"{source} cannot be reached: {error}" for one in older}
            log.warning("references of %s stay as they were: %s", source, error)
            continue
        careful = partial(_enrol, enrol=enrol, store=store)
        for part in parts(older):
            again = embed_all([old.reference for old in part], careful, threads, progress)
            leaving = {old.key for old in part}
            people = {person for _, person, _ in leaving}
            held = known_faces(gallery, people, leaving, gate.cosine_per_decade)
            fresh = _sorted_out(part, gate.judged(again, held), told)
            _replace(gallery, source, fresh, confirm)
            told.read += len(fresh)
    return told


def older_references(gallery: Table, forgotten: Collection[str]) -> Mapping[str, list[Older]]:
    """The references of an older reading, by source."""
    rows = gallery.read(_COLUMNS, where="content != ''").to_pylist()
    found: defaultdict[str, list[Older]] = defaultdict(list)
    for row in rows:
        of_this = (row.pop("reading") or reading.FIRST) >= reading.READING
        if row.pop("person_id") not in forgotten and not of_this:
            found[row["source"]].append(Older(**row))
    return dict(sorted(found.items()))


def _enrol(reference: Reference, *, enrol: Enrol, store: Store) -> Enrolled:
    try:
        return enrol(reference, store)
    except (ObjectError, TransientError) as error:
        report = ReferenceReport(
            person=reference.person,
            photo=reference.photo.key,
            state="unreadable",
            reason=str(error),
        )
        return Enrolled(reference, report)


def _sorted_out(
    older: Sequence[Older], enrolled: Sequence[Enrolled], told: Reread
) -> list[Enrolled]:
    """Those that can replace the older ones; adds the others to ``told``."""
    fresh = []
    for old, new in zip(older, enrolled, strict=True):
        if new.embedding is None:
            why = f"reading {reading.READING} cannot use it ({new.report.reason})"
        elif new.content != old.content:
            why = "the photo was changed since it was enrolled"
        else:
            fresh.append(new)
            continue
        told.left[old.key] = f"{why}: it stays as an earlier reading read it"
    return fresh


def _replace(
    gallery: Table, source: str, fresh: Sequence[Enrolled], confirm: Callable[[], None]
) -> None:
    """Write the new rows, then delete the older ones: an interruption loses no reference.

    One that is there twice counts once (load_gallery), and is read anew once more.
    """
    if not fresh:
        return
    confirm()
    gallery.append(reference_rows(fresh, source))
    older = f"(reading IS NULL OR reading < {reading.READING}) AND content != ''"
    photos = any_of("photo", [one.reference.photo.key for one in fresh])
    confirm()
    gallery.delete(f"source = {quoted(source)} AND {older} AND {photos}")
