"""``headcount results``: show a job's counts in a few lines, and where its results lie."""

from __future__ import annotations

import json
from typing import Any

import click

from headcount import audit
from headcount.assignments.checks.figures import lines_of
from headcount.assignments.checks.kept import of_job, read_checks
from headcount.contract import results
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.jobs import FinishedRecord, JobSpec
from headcount.errors import FatalError, ObjectMissing
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.commands.status import read_status
from orchestrator.console.summary import exit_code, readable, summary_lines
from orchestrator.people.latest_assignments import finished_jobs
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("job", required=False)
@archive_option
@json_option
@click.option("--open", "opens", is_flag=True, help="Open the report in a browser.")
def command(job: str | None, archive: str, as_json: bool, opens: bool) -> int:
    """Show JOB's counts and where its results lie; without JOB, the latest that is done."""
    s3 = load_s3()
    store = existing_archive(archive, s3)
    finished = finished_job(store, job)
    audit.record_reading(store, "results", finished.job_id)
    summary = read_summary(finished, s3)
    if as_json:
        say_json(json.dumps({"out": finished.out, "summary": summary}, indent=1))
        return exit_code(finished)
    say(f"job {finished.job_id}, finished {finished.finished:%Y-%m-%d %H:%M} UTC")
    for line in summary_lines(summary):
        say(line)
    for line in checked_lines(store, finished.job_id):
        say(line)
    say(f"tables and photos: {readable(finished.out)}")
    report = f"{readable(finished.out)}{results.REPORT}"
    say(f"report: {report}")
    if opens:
        _open(report)
    return exit_code(finished)


def _open(report: str) -> None:
    """Open a report in the browser; say how to where that cannot be done."""
    if "://" in report:
        say(f"a browser cannot open {report}: copy the folder of the report here", err=True)
    elif click.launch(report):
        say(f"no browser was found here: open {report} in one", err=True)


def finished_job(store: Store, job: str | None) -> FinishedRecord:
    """The end of a job that has results; of the latest without ``job``. Raises FatalError."""
    if job is None:
        return _latest(store)
    job = full_job_id(store, job)
    status = read_status(store, job)
    if status["state"] not in ("done", "undone") or status["photos"] is None:
        raise FatalError(
            f"job {job} has no results ({status['state']}): `headcount status {job}` says more"
        )
    return FinishedRecord.model_validate(status["finished"])


def checked_lines(store: Store, job_id: str) -> list[str]:
    """Lines about checks of a job; of one without a check, which other of its photos has one.

    The figures of another job are not told: its names are others.
    """
    checks = read_checks(store)
    if mine := of_job(checks, job_id):
        return lines_of(mine)
    spec = find_record(store, JobKeys(job_id).spec, JobSpec)
    others = [one for one in checks if one.signed and spec and one.source == spec.photos]
    if not others:
        return []
    return [
        f"nobody has checked this job; job {others[-1].job_id} was checked, and what was found "
        "there does not hold here: `headcount review --check` checks the latest job"
    ]


def _latest(store: Store) -> FinishedRecord:
    if done := finished_jobs(store):
        return read_record(store, JobKeys(done[-1]).finished, FinishedRecord)
    raise FatalError(f"no job of {store.uri} has results yet: `headcount jobs` lists those there")


def read_summary(finished: FinishedRecord, s3: S3Settings) -> dict[str, Any]:
    """The summary of a job that is done. Raises FatalError where it was moved or overwritten."""
    try:
        data = open_store(finished.out, s3).get(results.SUMMARY).data
    except ObjectMissing as error:
        raise FatalError(
            f"the results of job {finished.job_id} are not in {finished.out} any more"
        ) from error
    summary: dict[str, Any] = json.loads(data)
    if summary["job_id"] != finished.job_id:
        raise FatalError(
            f"the results of job {finished.job_id} are not in {finished.out} any more: those of "
            f"job {summary['job_id']} are"
        )
    return summary
