"""Workers as they show themselves to the broker: name, queues, and the refusal they stand by."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.contract.stored.workers import WorkerRefusal

PRESENCE_SECONDS = 10.0
"""Seconds between two times that a worker shows itself."""
PRESENCE_EXPIRY_SECONDS = 30
"""A worker that does not show itself for so long is gone."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A live worker process."""

    name: str
    queues: frozenset[str] = frozenset()
    """Queues that it serves; empty: all, as an older build that does not say."""
    refusal: WorkerRefusal | None = None

    def serves(self, queue: str) -> bool:
        """Whether it takes messages of this queue."""
        return not self.queues or queue in self.queues


class _Shown(BaseModel):
    """The value of a worker's key in Redis."""

    model_config = ConfigDict(extra="ignore")

    queues: tuple[str, ...] = ()
    refusal: WorkerRefusal | None = None


def to_value(state: WorkerState) -> str:
    """The value of a worker's key."""
    return _Shown(queues=tuple(sorted(state.queues)), refusal=state.refusal).model_dump_json()


def from_value(name: str, value: str) -> WorkerState:
    """The state that a worker's key holds; without queues where the value is of another version."""
    try:
        shown = _Shown.model_validate(json.loads(value))
    except (ValueError, ValidationError):
        shown = _Shown()
    return WorkerState(name, frozenset(shown.queues), shown.refusal)
