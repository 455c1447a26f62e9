"""The checks that an archive keeps: begun, gone on with, signed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from headcount.assignments.checks.record import CheckRecord
from headcount.contract.forgotten import require_none_under_way
from headcount.contract.layout import CHECKS
from headcount.contract.record import find_record, now, read_record
from headcount.errors import FatalError, ObjectMissing
from headcount.storage.base import Store


def new_check_id(at: datetime) -> str:
    """An id for a check: sorts by time, unique across machines."""
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def check_key(check_id: str) -> str:
    """The key of a check's record."""
    return f"{CHECKS}{check_id}.json"


def write_check(store: Store, check: CheckRecord) -> None:
    """Write a check. Raises TransientError where somebody is being forgotten, who may be in it."""
    require_none_under_way(store)
    store.put(check_key(check.id), check.to_bytes())


def read_check(store: Store, check_id: str) -> CheckRecord:
    """A check by its id. Raises FatalError where it is gone or damaged."""
    try:
        return read_record(store, check_key(check_id), CheckRecord)
    except ObjectMissing as error:
        raise FatalError(f"check {check_id} is not in {store.uri} any more") from error


def read_checks(store: Store) -> list[CheckRecord]:
    """All checks in the order in which they were begun."""
    found = [find_record(store, info.key, CheckRecord) for info in store.list(CHECKS)]
    return sorted((one for one in found if one), key=lambda one: (one.begun, one.id))


def of_job(checks: Iterable[CheckRecord], job_id: str) -> list[CheckRecord]:
    """The checks of one job, in the same order."""
    return [check for check in checks if check.job_id == job_id]


def begun_check(store: Store, job_id: str, seed: int | None, by: str) -> CheckRecord | None:
    """The last check of a job that somebody began and did not sign, with a seed if one is given."""
    open_ones = [one for one in of_job(read_checks(store), job_id) if one.signed is None]
    wanted = [one for one in open_ones if one.by == by and seed in (None, one.seed)]
    return wanted[-1] if wanted else None


def sign_check(store: Store, check: CheckRecord) -> CheckRecord:
    """Sign a check. Raises FatalError while something is not judged."""
    if check.next_item() is not None or not check.items:
        raise FatalError("not everything that was drawn is judged yet")
    signed = check.model_copy(update={"signed": now()})
    write_check(store, signed)
    return signed
