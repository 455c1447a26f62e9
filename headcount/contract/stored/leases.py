"""The records of leases: who drives a job, and that it is alive."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from headcount.contract.record import Record


class LeaseRecord(Record):
    """One term of a lease and its holder. Written once, and only if nobody else did."""

    term: int = Field(ge=1)
    job_id: str
    host: str
    pid: int
    realm: str = Field(description="within which the pid means something; empty: unknown")
    taken: datetime = Field(description="for people to read: nothing is decided by it")


class LeaseHeartbeat(Record):
    """The heartbeat of a lease's holder: only its changes count, no clock is compared."""

    count: int
    released: bool = False
