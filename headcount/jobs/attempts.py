"""Attempts at a unit of work, counted under headcount's own stable id, and the photos they convict.

A worker records its attempt before it starts. From the third attempt at a shard on it works
carefully: one photo at a time, each named as the suspect before it is touched. A photo that was
the suspect of two unfinished attempts is convicted: it killed them.
"""

from __future__ import annotations

from collections import Counter

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import AttemptRecord, SuspectRecord
from headcount.storage.base import Store

CAREFUL_FROM = 3
STRIKES = 2


def claim(store: Store, keys: JobKeys, unit: str, worker: str) -> int:
    """Record one more attempt and return its number, from 1."""
    number = count(store, keys, unit) + 1
    while True:
        record = AttemptRecord(unit=unit, attempt=number, worker=worker, started=now())
        if store.put_new(keys.attempt(unit, number), record.to_bytes()):
            return number
        number += 1


def discard(store: Store, keys: JobKeys, unit: str, number: int) -> None:
    """Delete an attempt that was given up on purpose: it convicts nobody and counts for nothing.

    Its suspect goes first: an attempt without one accuses no photo.
    """
    store.delete(keys.suspect(unit, number))
    store.delete(keys.attempt(unit, number))


def count(store: Store, keys: JobKeys, unit: str) -> int:
    """The number of attempts at a unit."""
    return sum(1 for _ in store.list(keys.attempts(unit)))


def convicted(store: Store, keys: JobKeys, unit: str, attempts: int) -> frozenset[str]:
    """The photos that killed the attempts made so far."""
    suspects = Counter(
        record.photo
        for number in range(CAREFUL_FROM, attempts + 1)
        if (record := find_record(store, keys.suspect(unit, number), SuspectRecord))
    )
    return frozenset(photo for photo, strikes in suspects.items() if strikes >= STRIKES)


def allowed(store: Store, keys: JobKeys, unit: str, attempts: int, maximum: int) -> bool:
    """Whether one more attempt may be made; those that convicted a photo do not count."""
    if attempts < maximum:
        return True
    return attempts - STRIKES * len(convicted(store, keys, unit, attempts)) < maximum
