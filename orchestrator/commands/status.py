"""``headcount status``: show how far a job is, from the archive alone."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import click

from headcount.assignments.checks.figures import lines_of as check_lines
from headcount.assignments.checks.kept import of_job, read_checks
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, PlanRecord, ProgressRecord
from headcount.contract.stored.workers import WorkerRefusal
from headcount.errors import FatalError
from headcount.jobs.control import stopped
from headcount.storage import Store
from headcount.text import counted, older_reading
from orchestrator.archive.catalogue import undone_jobs
from orchestrator.archive.cut import find_cut
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    json_option,
    latest_job_argument,
    load_s3,
)
from orchestrator.console.forecast import forecast
from orchestrator.console.progress import (
    ENDS,
    STAGES,
    bound,
    held_lines,
    rate,
    refusal_line,
    slow_line,
)
from orchestrator.console.summary import expected_line, left_line
from orchestrator.jobs.budget import budget_of
from orchestrator.people.short_ids import job_or_latest
from orchestrator.terminal import say_json, say_lines


@click.command()
@latest_job_argument
@archive_option
@json_option
def command(job: str | None, archive: str, as_json: bool) -> int:
    """Show how far JOB is, or the latest; the exit code is 1 if it failed or was cancelled."""
    store = existing_archive(archive, load_s3())
    job = job_or_latest(store, job)
    status = read_status(store, job)
    status["checked"] = check_lines(of_job(read_checks(store), job))
    if as_json:
        say_json(json.dumps(status, indent=1))
    else:
        say_lines(lines_of(status))
    return 1 if status["state"] in ("failed", "cancelled") else 0


def read_status(store: Store, job: str, undone: Collection[str] | None = None) -> dict[str, Any]:
    """Spec, plan, progress and end of a job as JSON. Raises FatalError where there is no such job.

    ``undone``: ids of the jobs that rollbacks have undone, if they were read already.
    """
    status = find_status(store, job, undone)
    if status is None:
        raise FatalError(
            f"there is no job {job} in {store.uri}: `headcount jobs` lists those there are"
        )
    return status


def find_status(
    store: Store, job: str, undone: Collection[str] | None = None
) -> dict[str, Any] | None:
    """Like read_status, but None where there is no such job or it is still being planned."""
    keys = JobKeys(job)
    spec = find_record(store, keys.spec, JobSpec)
    if spec is None:
        return None
    finished = find_record(store, keys.finished, FinishedRecord)
    progress = find_record(store, keys.progress, ProgressRecord)
    plan = find_record(store, keys.plan, PlanRecord)
    cut = find_cut(store, keys)
    budget = None if finished or cut else budget_of(store, spec)
    flag = stopped(store, job)
    running = flag.state if flag else progress.stage if progress else "submitted"
    state = finished.state if finished else running
    if state == "done" and job in (undone_jobs(store) if undone is None else undone):
        state = "undone"
    return {
        "job_id": job,
        "state": state,
        "photos": spec.photos,
        "first": spec.first,
        "rematch": spec.rematch is not None,
        "plan": plan.model_dump(mode="json") if plan else None,
        "progress": progress.model_dump(mode="json") if progress else None,
        "finished": finished.model_dump(mode="json") if finished else None,
        "left": cut.model_dump(mode="json", exclude={"version", "units"}) if cut else None,
        "budget": forecast(budget, progress).as_dict() if budget else None,
    }


def lines_of(status: dict[str, Any]) -> list[str]:
    """Lines of the status in words."""
    state = status["state"]
    lines = [f"job {status['job_id']}: {STAGES.get(state, state)}"]
    if status["plan"]:
        plan = status["plan"]
        lines.append(
            f"plan: {plan['photos']:,} photos, {plan['new']:,} new, {plan['changed']:,} changed, "
            f"{plan['known']:,} known, {plan['removed']:,} removed{_older(plan)}; "
            f"{plan['shards']:,} shards"
        )
        if status["first"] is not None:
            drawn = min(status["first"], plan["photos"])
            lines.append(f"a first look: {drawn:,} of them, drawn at random")
        if status["rematch"]:
            lines.append("a rematch: their faces are matched and clustered anew, no photo is read")
    if status["finished"]:
        finished = status["finished"]
        first, *more = (finished["message"] or f"results: {finished['out']}").split("\n")
        lines += [first, *(f"  {line}" for line in more)]
        if finished["left"]:
            lines.append(left_line(finished["left"]))
        if finished["failures"]:
            lines.append(f"{finished['failures']:,} photos could not be processed")
        if finished["older_reading"]:
            lines.append(older_reading(finished["older_reading"]))
        if finished["expected"]:
            lines.append(expected_line(finished["expected"]))
        if status["progress"] and (what := bound(status["progress"]["stages"])):
            lines.append(f"finding faces was {what}")
        lines += status.get("checked", ())
    elif status["progress"]:
        record = ProgressRecord.model_validate(status["progress"])
        lines += _progress_lines(record) + (held_lines(record.in_hand) if state not in ENDS else [])
    return lines + _refusal_lines(status) + _budget_lines(status)


def _progress_lines(record: ProgressRecord) -> list[str]:
    """Lines about how far a job is that has not ended."""
    lines = []
    if record.photos_total:
        lines.append(
            f"{record.photos_done:,} of {record.photos_total:,} photos, {record.faces:,} faces; "
            f"{record.shards_in_flight:,} shards in flight, {record.resent:,} sent again; "
            f"{rate(record)}"
        )
    if record.slow:
        lines.append(slow_line(record.slow))
    return lines


def _refusal_lines(status: dict[str, Any]) -> list[str]:
    """A line for each worker that cannot work, while the job is not done."""
    if status["finished"] or not status["progress"]:
        return []
    return [refusal_line(WorkerRefusal(**r)) for r in status["progress"]["refusals"]]


def _older(plan: dict[str, Any]) -> str:
    """Clause about known photos of an older reading; empty where there are none."""
    if not plan["older_reading"]:
        return ""
    return f", {plan['older_reading']:,} of an older reading, {plan['reread']:,} read anew"


def _budget_lines(status: dict[str, Any]) -> list[str]:
    """The line of a running job about what its budget lets it do."""
    if status["finished"]:
        return []
    if left := status["left"]:
        return [f"{left['reason']}: {counted(left['photos'], 'photo')} left to the next job"]
    return [status["budget"]["line"]] if status["budget"] else []
