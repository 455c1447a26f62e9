"""A supervisor that dies, by kill -9, before each thing that it does to archive or broker, once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headcount.broker.client import Broker
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.storage.local.store import DirectoryStore
from headcount.tables.table import Table
from orchestrator.jobs.supervisor import Supervisor
from tests.integration.graves import die_once

VARYING = re.compile(r"\d{8}-\d{6}-\w{6}|(?<=/)\d{10}(?=\.)|(?<=sums/)[\w.-]+(?=\.json)")
"""What differs between two supervisors of one job: its id, the term of their lease, the names of
the sums of tables that they write."""


def drive(
    archive: str, job_id: str, broker_url: str, graves: Path, lost_seconds: float = 20.0
) -> None:
    """Drive the job to its end, or to the first point where nobody died yet."""
    for deed in ("put", "put_new", "delete"):
        _mortal(DirectoryStore, deed, graves, _object)
    for deed in ("delete", "commit", "compact"):
        _mortal(Table, deed, graves, lambda table, *rest: Path(table.uri).name)
    _mortal(Broker, "send", graves, lambda _, message: message.unit)
    _mortal(Broker, "take_back", graves, lambda *_: "embed")
    Supervisor(
        open_store(archive),
        job_id,
        broker=Broker(broker_url),
        settings=Settings(poll_seconds=0.02, lost_seconds=lost_seconds),
        s3=S3Settings(),
    ).run()


def _object(_: DirectoryStore, key: str, data: bytes = b"") -> str:
    """The object's name; the record of a commit is written before it and after it."""
    made = b'"made":true' in data.replace(b" ", b"")
    return VARYING.sub("", key) + (" made" if made else "")


def _mortal(owner: type, deed: str, graves: Path, subject: Callable[..., str]) -> None:
    work = getattr(owner, deed)

    def body(*arguments: Any, **options: Any) -> Any:
        die_once(graves, f"{deed} {subject(*arguments)}")
        return work(*arguments, **options)

    setattr(owner, deed, body)
