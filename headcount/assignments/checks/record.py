"""The record of a check: what was drawn, how each was judged, by whom and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from headcount.assignments.checks.draw import Row
from headcount.contract.record import Record

Verdict = Literal["right", "wrong", "cannot_tell"]
Kind = Literal["name", "absence"]


class CheckItem(BaseModel):
    """One name or absence that was drawn, and the verdict on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(description="the place in the draw, from 1; stays when others go")
    kind: Kind
    how: str = Field(description="of a name what gave it, of an absence its status")
    person_id: str | None
    person: str | None
    photo: str | None
    face_id: str | None = None
    scope: str | None = None
    verdict: Verdict | None = None
    at: datetime | None = None


class CheckRecord(Record):
    """``checks/<time>.json``: a check of one job. Signed, it is never changed but by a `forget`."""

    id: str
    job_id: str
    collection: str
    source: str = Field(description="the collection's URI")
    seed: int
    begun: datetime
    by: str | None = Field(description="who judges; None where that person was forgotten")
    names: dict[str, int] = Field(description="the job's names by kind, of which were drawn")
    absences: dict[str, int] = Field(description="its absences by status, of which were drawn")
    items: tuple[CheckItem, ...]
    signed: datetime | None = None
    forgotten: int = Field(0, description="items taken out since their people were forgotten")

    @property
    def judged(self) -> int:
        """The number of items with a verdict."""
        return sum(item.verdict is not None for item in self.items)

    def next_item(self) -> CheckItem | None:
        """The first item without a verdict."""
        return next((item for item in self.items if item.verdict is None), None)

    def last_judged(self) -> CheckItem | None:
        """The item that was judged last."""
        judged = [item for item in self.items if item.at is not None]
        return max(judged, key=lambda item: (item.at, item.number), default=None)

    def with_verdict(self, number: int, verdict: Verdict | None, at: datetime) -> CheckRecord:
        """The record with an item judged, or with its verdict taken back."""
        change = {"verdict": verdict, "at": at if verdict else None}
        items = (
            item.model_copy(update=change) if item.number == number else item for item in self.items
        )
        return self.model_copy(update={"items": tuple(items)})


def items_of(names: Iterable[Row], absences: Iterable[Row]) -> tuple[CheckItem, ...]:
    """The items of what was drawn: names first, each in the order of the draw."""
    rows = [("name", row) for row in names] + [("absence", row) for row in absences]
    return tuple(
        CheckItem.model_validate({"number": number, "kind": kind, **row})
        for number, (kind, row) in enumerate(rows, 1)
    )
