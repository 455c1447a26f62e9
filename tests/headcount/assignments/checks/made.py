"""Checks made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from headcount.assignments.checks.record import CheckItem, CheckRecord, Verdict

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def item(number: int, verdict: Verdict | None = None, **more: Any) -> CheckItem:
    told = {
        "kind": "name",
        "how": "matched",
        "person_id": f"p{number}",
        "person": f"Person {number}",
        "photo": f"{number}.jpg",
        "face_id": f"f{number}",
        "verdict": verdict,
        "at": AT + timedelta(seconds=number) if verdict else None,
    }
    return CheckItem.model_validate({"number": number} | told | more)


def check(*items: CheckItem, **more: Any) -> CheckRecord:
    told = {
        "id": "20260301-120000-abcdef",
        "job_id": "job",
        "collection": "c",
        "source": "file:///photos/",
        "seed": 7,
        "begun": AT,
        "by": "Ada Lovelace",
        "names": {"matched": 5000},
        "absences": {},
        "items": items,
    }
    return CheckRecord.model_validate(told | more)


def judged(wrong: int, drawn: int, *, cannot_tell: int = 0, **more: Any) -> CheckRecord:
    """A signed check of names."""
    counts: dict[Verdict, int] = {"wrong": wrong, "cannot_tell": cannot_tell}
    counts["right"] = drawn - wrong - cannot_tell
    said = [verdict for verdict, count in counts.items() for _ in range(count)]
    items = [item(number, verdict) for number, verdict in enumerate(said, 1)]
    return check(*items, signed=AT, **more)
