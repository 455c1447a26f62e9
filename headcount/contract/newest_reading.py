"""The newest reading of a pack's rows in an archive: raised before its rows are written."""

from __future__ import annotations

from headcount.contract import reading
from headcount.contract.layout import PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ReadingRecord
from headcount.errors import WorkerUnfit
from headcount.storage.base import Store


def newest_reading(store: Store, keys: PackKeys) -> int:
    """The newest reading of a pack's rows."""
    record = find_record(store, keys.reading, ReadingRecord)
    return reading.FIRST if record is None else record.reading


def require_no_newer_reading(store: Store, keys: PackKeys) -> int:
    """The newest reading of a pack's rows. Raises WorkerUnfit where this build's is older."""
    newest = newest_reading(store, keys)
    if newest > reading.READING:
        raise WorkerUnfit(
            f"the archive {store.uri} was read with reading {newest} of the model pack "
            f"{keys.pack_id}, and this build of headcount has reading {reading.READING}: it would "
            "read photos worse than the archive has them. Use the build that read it or a newer "
            "one, for the orchestrator and for every worker, or use another archive",
            "reading",
        )
    return newest


def raise_reading(store: Store, keys: PackKeys) -> None:
    """Keep this build's reading as the archive's newest, before anything of it is written.

    Raises WorkerUnfit where the archive has a newer one: it is never lowered.
    """
    if require_no_newer_reading(store, keys) == reading.READING:
        return
    record = ReadingRecord(reading=reading.READING).to_bytes()
    if store.put_new(keys.reading, record):
        return
    if require_no_newer_reading(store, keys) < reading.READING:
        store.put(keys.reading, record)
