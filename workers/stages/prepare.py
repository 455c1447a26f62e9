"""The first unit of a job: its model pack, the archive's tables, and the people to enrol."""

from __future__ import annotations

import time

from headcount import decisions
from headcount.contract.layout import ARCHIVE
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import DoneMarker
from headcount.tables.table import tables_of
from workers.people.enrolment import enrol_people
from workers.people.expected import read_expected
from workers.runtime.unit import Unit


def prepare_job(unit: Unit) -> DoneMarker:
    """Make the archive ready for the job's pack and bring its gallery up to the people given.

    Raises FatalError where the archive's decisions or the people who are expected cannot be read:
    the reduce stage needs them, and the job would fail when all else is done.
    """
    began = time.monotonic()
    for _ in decisions.read(unit.store):
        pass
    read_expected(unit)
    record = unit.context.pack(unit.spec.model).record
    first = ArchiveRecord(
        created=now(), model=ModelChoice(name=record.name, pack_id=record.pack_id)
    )
    unit.store.put_new(ARCHIVE, first.to_bytes())
    keys = unit.pack_keys  # refuses an archive of another pack
    unit.store.put_new(keys.record, record.to_bytes())
    for table, schema, later in tables_of(unit.store.uri, keys, record.dimensions, unit.context.s3):
        table.create(schema, later=later)
    references, passed_over = enrol_people(unit) if unit.spec.people else ((), 0)
    return unit.done(
        seconds=time.monotonic() - began,
        pack=record,
        references=references,
        counts={"forgotten_references": passed_over},
    )
