"""An archive made ready for a newer reading, before a unit writes anything of it."""

from __future__ import annotations

from headcount.contract import forgotten, reading
from headcount.contract.newest_reading import raise_reading
from workers.people.forgotten_faces import keep_frames
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables


def begin_reading(unit: Unit) -> None:
    """Keep this build's reading as the archive's newest, and how photos were turned until now.

    A unit of a newer build may be the first to embed in a job that an older one has prepared.
    Raises FatalError where the archive has a newer reading. The tables have grown before.
    """
    raise_reading(unit.store, unit.pack_keys)
    if reading.READING > reading.FIRST:
        unit.confirm()
        if keep_frames(unit.store, job_tables(unit).photos) and unit.began_with is not None:
            unit.began_with = forgotten.tombstones(unit.store)  # it changed them itself
