"""Where a check is told: in the results of its own job, and in no other's."""

import json
from typing import Any

from headcount.assignments.checks.figures import block, lines_of
from headcount.assignments.checks.told import tell_checks
from headcount.contract import results
from headcount.storage.memory import MemoryStore
from tests.headcount.assignments.checks.made import judged


def published(job_id: str = "job", page: str = f"<b>{block([])}</b>") -> MemoryStore:
    out = MemoryStore()
    out.put(results.SUMMARY, json.dumps({"job_id": job_id, "photos": 3}).encode())
    out.put(results.REPORT, page.encode())
    return out


def summary(out: MemoryStore) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.get(results.SUMMARY).data)
    return found


def test_a_check_is_told_in_summary_and_report() -> None:
    out, check = published(), judged(1, 100)
    assert tell_checks(out, [check]) == [results.SUMMARY, results.REPORT]
    [told] = summary(out)["checked"]["signed"]
    assert told["names"]["at_most"] < 0.047
    assert (told["by"], told["seed"]) == ("Ada Lovelace", 7)
    assert summary(out)["photos"] == 3
    assert lines_of([check])[0] in out.get(results.REPORT).data.decode()
    assert tell_checks(out, [check]) == [], "told already"


def test_results_of_another_job_stay_as_they_are() -> None:
    out = published("a later job")
    before = out.get(results.SUMMARY).data
    assert tell_checks(out, [judged(1, 100)]) == []
    assert out.get(results.SUMMARY).data == before


def test_a_check_that_went_is_not_told_any_more() -> None:
    out = published()
    untouched = out.get(results.REPORT).data
    tell_checks(out, [judged(1, 100)])
    tell_checks(out, [])
    assert "checked" not in summary(out)
    assert out.get(results.REPORT).data == untouched


def test_a_report_without_a_place_for_it_stays_as_it_is() -> None:
    out = published(page="somebody's own")
    assert tell_checks(out, [judged(1, 100)]) == [results.SUMMARY]
    assert out.get(results.REPORT).data == b"somebody's own"


def test_where_no_results_are_nothing_is_told() -> None:
    assert tell_checks(MemoryStore(), [judged(1, 100)]) == []
