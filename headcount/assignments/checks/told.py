"""Telling of checks where their job's results lie: in its summary and in the head of its report."""

from __future__ import annotations

import json
from collections.abc import Sequence

from headcount.assignments.checks.figures import as_json, lines_of, with_block
from headcount.assignments.checks.kept import of_job
from headcount.assignments.checks.record import CheckRecord
from headcount.contract import results
from headcount.errors import ObjectError
from headcount.storage.base import Store

CHECKED = "checked"
"""The field of the summary."""


def tell_checks(out: Store, checks: Sequence[CheckRecord]) -> list[str]:
    """Write the checks of the job whose results lie in ``out`` there; the keys that were changed.

    Results of another job stay as they are: a check holds for the job that was checked alone.
    """
    try:
        summary = json.loads(out.get(results.SUMMARY).data)
        job_id = summary["job_id"]
    except (ObjectError, ValueError, KeyError, TypeError):
        return []
    mine = of_job(checks, job_id)
    told, changed = as_json(mine), []
    if summary.get(CHECKED) != told:
        summary.pop(CHECKED, None)
        if told is not None:
            summary[CHECKED] = told
        text = json.dumps(summary, indent=1, ensure_ascii=False)
        out.put(results.SUMMARY, text.encode())
        changed.append(results.SUMMARY)
    return [*changed, *_tell_report(out, lines_of(mine))]


def _tell_report(out: Store, lines: Sequence[str]) -> list[str]:
    try:
        page = out.get(results.REPORT).data.decode("utf-8")
    except (ObjectError, UnicodeDecodeError):
        return []
    told = with_block(page, lines)
    if told is None or told == page:
        return []
    out.put(results.REPORT, told.encode())
    return [results.REPORT]
