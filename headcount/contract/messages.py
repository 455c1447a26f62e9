"""The messages that Celery carries. They hold ids and URIs, never pixels or vectors.

Everything else that a worker needs lies in the archive.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from headcount.contract.record import Record


class UnitMessage(Record):
    """The message for workers: do this unit of work of this job of this archive."""

    archive: str
    job_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    unit: str = Field(pattern=r"^(prepare|split|reduce|(embed|match|join)-[0-9]{7,12})$")


class OtherVersion(BaseModel):
    """A message for workers that another version of headcount has sent, as far as it is read."""

    version: int
    archive: str
    job_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    unit: str = Field(pattern=r"^[a-z_]{1,32}(-[0-9]{1,20})?$")


class FireMessage(Record):
    """The message of beat: this schedule of this archive is due now. The archive says the rest."""

    archive: str
    schedule: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")
