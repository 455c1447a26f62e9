"""The answers that a job took in: others are pending until the next one."""

from __future__ import annotations

from collections.abc import Callable

from headcount.contract.layout import ANSWERS, JobKeys
from headcount.contract.record import Record, find_record
from headcount.storage.base import Store


class TakenRecord(Record):
    """``answers.json``: the keys of the answers' objects that a job's reduce stage read."""

    keys: tuple[str, ...]


def note_taken(store: Store, job_id: str, confirm: Callable[[], None]) -> None:
    """Note the answers that are there, before a job reads them.

    ``confirm`` raises where nothing may be written any more.
    """
    record = TakenRecord(keys=tuple(info.key for info in store.list(ANSWERS)))
    confirm()
    store.put(JobKeys(job_id).answers, record.to_bytes())


def taken_by(store: Store, job_id: str) -> frozenset[str] | None:
    """The keys that a job took in; None for a job of a build that did not note them."""
    record = find_record(store, JobKeys(job_id).answers, TakenRecord)
    return None if record is None else frozenset(record.keys)
