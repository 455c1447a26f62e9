"""The work that workers have in hand, as a job's progress tells of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class HeldUnit(BaseModel):
    """A unit that a worker has in hand."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    unit: str
    worker: str
    photos: int = Field(0, description="done of the unit")
    seconds: int = Field(description="since its worker was first heard of")
    silent: int = Field(0, description="seconds since its worker was last heard of")
