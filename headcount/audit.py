"""The audit log: who searched, named or forgot whom, in the archive, never rewritten.

S3 cannot append, so each line is an object of its own that can be written once; read in the order
of their keys they are one log of JSON lines.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Iterator
from datetime import datetime

from headcount.contract.layout import AUDIT
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import AuditRecord
from headcount.storage.base import Store


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
    moment = at or now()
    line = AuditRecord.model_validate(
        {"at": moment, "actor": actor(), "action": action, "subject": subject, "detail": detail}
    )
    data = line.model_dump_json().encode() + b"\n"
    while not store.put_new(_key(moment), data):
        pass
    return line


def _key(moment: datetime) -> str:
    return f"{AUDIT}{moment:%Y-%m-%d/%H%M%S.%f}-{secrets.token_hex(4)}.json"


def read(store: Store, since: str = "") -> Iterator[AuditRecord]:
    """The log, oldest first; ``since`` is a date such as 2026-11-25."""
    for info in store.list(AUDIT, start_after=AUDIT + since if since else ""):
        if line := find_record(store, info.key, AuditRecord):
            yield line
