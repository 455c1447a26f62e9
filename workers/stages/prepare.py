"""The first unit of a job: its model pack, the archive's tables, and the people to enrol."""

from __future__ import annotations

import time
from functools import partial

from headcount.answers.kept import read_answers
from headcount.collections.photos import Reference
from headcount.collections.selection import LeftOut
from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import ARCHIVE
from headcount.contract.newest_reading import require_no_newer_reading
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import DoneMarker
from headcount.contract.stored.references import ReferenceReport
from headcount.rosters.source import require_apart
from headcount.storage import Store
from headcount.tables.sums import require_unchanged
from workers.people.enrolment import enrol_people
from workers.people.reference_gate import ReferenceGate
from workers.people.reference_photo import Enrolled, enrol_one
from workers.people.reread import Reread, reread_references
from workers.people.roster import read_expected
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables
from workers.stages.new_reading import begin_reading
from workers.stages.seen import require_seen


def prepare_job(unit: Unit) -> DoneMarker:
    """Make the archive ready for the job's pack, and bring its gallery up to the people folder.

    Raises FatalError where the archive's answers or the roster cannot be read: the
    reduce stage needs them, and the job would fail when all else is done. Also where the archive
    has a newer reading than this build, or where this worker does not see the photos.
    """
    began = time.monotonic()
    if unit.spec.rematch:
        return _prepare_rematch(unit)
    require_seen(unit)
    _require_readable(unit)
    record = unit.context.pack(unit.spec.model).record
    first = ArchiveRecord(
        created=now(), model=ModelChoice(name=record.name, pack_id=record.pack_id)
    )
    unit.store.put_new(ARCHIVE, first.to_bytes())
    keys = unit.pack_keys  # refuses an archive of another pack
    require_no_newer_reading(unit.store, keys)
    unit.store.put_new(keys.record, record.to_bytes())
    require_unchanged(unit.store, [keys.gallery], unit.context.s3)
    tables = job_tables(unit)
    tables.create(record.dimensions)
    begin_reading(unit)
    left_out = LeftOut()
    references, passed_over = _enrol(unit, left_out) if unit.spec.people else ((), 0)
    reread = _reread(unit)
    return unit.done(
        seconds=time.monotonic() - began,
        pack=record,
        references=reread.told(references, _people(unit).uri) if references else (),
        counts={"forgotten_references": passed_over, **reread.counts},
        left_out=dict(left_out.by_rule.most_common()),
    )


def _prepare_rematch(unit: Unit) -> DoneMarker:
    """Check what a rematch goes by. No model is opened, and the gallery stays as it is.

    Tables of earlier builds get the columns that they lack.
    """
    began = time.monotonic()
    _require_readable(unit)
    require_no_newer_reading(unit.store, unit.pack_keys)
    require_unchanged(unit.store, [unit.pack_keys.gallery], unit.context.s3)
    job_tables(unit).create(unit.record.dimensions)
    return unit.done(seconds=time.monotonic() - began, pack=unit.record)


def _require_readable(unit: Unit) -> None:
    """Raise FatalError where the archive's answers or the roster cannot be read."""
    read_answers(unit.store)
    if unit.spec.expected is not None:
        require_apart(unit.spec.expected, unit.spec.out)
    read_expected(unit.spec.expected, unit.context.open)


def _enrol(unit: Unit, left_out: LeftOut) -> tuple[tuple[ReferenceReport, ...], int]:
    """Enrol the job's people; gives the reports, and the number of references passed over."""
    source = _people(unit)
    return enrol_people(
        source,
        job_tables(unit).gallery,
        unit.store,
        partial(enrol_one, source=source, pack=unit.pack, spec=unit.spec),
        gate=_gate(unit),
        threads=unit.context.settings.threads,
        confirm=unit.confirm,
        progress=unit.count_photo,
        left_out=left_out,
    )


def _gate(unit: Unit) -> ReferenceGate:
    return ReferenceGate.of(unit.pack.record, keep_poor=unit.spec.keep_poor)


def _people(unit: Unit) -> Store:
    """The people folder."""
    return unit.context.open(unit.spec.people or "")


def _reread(unit: Unit) -> Reread:
    """Read references of an older reading anew, of the people folder and from elsewhere."""

    def enrol(reference: Reference, source: Store) -> Enrolled:
        return enrol_one(reference, source, pack=unit.pack, spec=unit.spec)

    return reread_references(
        job_tables(unit).gallery,
        unit.context.open,
        enrol,
        forgotten=forgotten_people(unit.store),
        gate=_gate(unit),
        threads=unit.context.settings.threads,
        confirm=unit.confirm,
        progress=unit.count_photo,
    )
