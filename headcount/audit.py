"""The audit log: who searched, named or forgot whom, in the archive, never rewritten.

S3 cannot append, so each line is an object of its own that can be written once; read in the order
of their keys they are one log of JSON lines. Each process chains its lines: a line has the SHA-256
of the one before, and says with the process's first that there is none. So a line that was changed
or removed is missed by the next one. Lines of earlier builds are in no chain.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from headcount.contract.layout import AUDIT
from headcount.contract.record import now, split_sum, with_sum
from headcount.contract.stored.archive import AuditRecord
from headcount.errors import FatalError, ObjectDenied, ObjectMissing
from headcount.storage.base import Store

FIRST = "first"
"""In place of the sum of the line before: there is none."""


@dataclass(slots=True)
class _Chain:
    """The lines of this process in one archive: its name, how many, the sum of the last."""

    name: str = field(default_factory=lambda: secrets.token_hex(8))
    number: int = 0
    last: str = FIRST
    lock: threading.Lock = field(default_factory=threading.Lock)


_chains: dict[tuple[int, str], _Chain] = {}


def actor() -> str:
    """The person at work: HEADCOUNT_ACTOR, or the account and the machine."""
    named = os.environ.get("HEADCOUNT_ACTOR")
    if named:
        return named
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container's account often has no name
        account = str(os.getuid())
    return f"{account}@{socket.gethostname()}"


def record(
    store: Store, action: str, subject: str, *, at: datetime | None = None, **detail: str | int
) -> AuditRecord:
    """Add a line. ``subject`` is an id: a name would outlive its `forget` in the log.

    Raises TransientError or FatalError where it cannot be written: then the action is not done.
    """
    chain = _chains.setdefault((os.getpid(), store.uri), _Chain())
    with chain.lock:
        line = AuditRecord.model_validate(
            {
                "at": at or now(),
                "actor": actor(),
                "action": action,
                "subject": subject,
                "detail": detail,
                "chain": chain.name,
                "number": chain.number + 1,
                "before": chain.last,
            }
        )
        data = with_sum(line.model_dump_json().encode()) + b"\n"
        while not store.put_new(_key(line.at), data):
            pass
        chain.number, chain.last = chain.number + 1, hashlib.sha256(data).hexdigest()
    return line


def record_reading(store: Store, action: str, subject: str) -> bool:
    """Add a line about something that was read; False where this process may not write there."""
    try:
        record(store, action, subject)
    except (FatalError, ObjectDenied):
        return False
    return True


def _key(moment: datetime) -> str:
    return f"{AUDIT}{moment:%Y-%m-%d/%H%M%S.%f}-{secrets.token_hex(4)}.json"


def read(store: Store, since: str = "") -> Iterator[AuditRecord]:
    """The log, oldest first; ``since`` is a date such as 2026-11-25."""
    for info in store.list(AUDIT, start_after=AUDIT + since if since else ""):
        try:
            yield _line(store.get(info.key).data)
        except ObjectMissing:
            continue
        except ValueError as error:
            raise FatalError(
                f"{store.uri}{info.key} is damaged: `headcount verify` says what to do"
            ) from error


def _line(data: bytes) -> AuditRecord:
    """One line. Raises ValueError where its bytes have changed, or are none of a line."""
    return AuditRecord.from_bytes(data.removesuffix(b"\n"))


def breaks(store: Store) -> list[str]:
    """Keys of lines that have changed, or whose line before is not the one they were written after.

    The last line of a process may be removed without being missed.
    """
    bad, held = [], dict[tuple[str, int], str]()
    chained: list[tuple[str, AuditRecord]] = []
    for info in store.list(AUDIT):
        try:
            data = store.get(info.key).data
            line = _line(data)
        except ObjectMissing:
            continue
        except ValueError:
            bad.append(info.key)
            continue
        if split_sum(data)[1] is None and line.chain:
            bad.append(info.key)
        if line.chain:
            held[line.chain, line.number] = hashlib.sha256(data).hexdigest()
            chained.append((info.key, line))
    for key, line in chained:
        before = held.get((line.chain, line.number - 1), FIRST if line.number == 1 else "")
        if line.before != before:
            bad.append(key)
    return bad
