"""What workers tell of themselves through the broker, and a job's progress keeps."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

CAUSES = ("store", "place", "pack", "reading", "version", "other")
"""Kinds of causes for which a worker refuses a unit that another may do: a key or right for a
store; a place outside HEADCOUNT_ALLOWED_URIS; a model pack; an archive read by a newer reading; a
message or record of another version; anything else."""


class SlowPhoto(BaseModel):
    """A photo that a worker has had in hand for long."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: str
    photo: str
    seconds: int


class WorkerRefusal(BaseModel):
    """A worker that cannot do units, and its cause in words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: str
    cause: str
    kind: str = Field("other", description="one of CAUSES")
