"""``headcount jobs``: list the jobs of an archive, oldest first."""

from __future__ import annotations

import json

import click

from orchestrator.archive.catalogue import job_ids, undone_jobs
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.commands.status import find_status
from orchestrator.terminal import say, say_json


@click.command()
@archive_option
@json_option
def command(archive: str, as_json: bool) -> int:
    """List the jobs of an archive, oldest first; a job that a rollback took back is `undone`."""
    store = existing_archive(archive, load_s3())
    undone = undone_jobs(store)
    found = (find_status(store, job, undone) for job in job_ids(store))
    # A job without a spec has no status yet: `retry` writes the plan first.
    statuses = [status for status in found if status is not None]
    if as_json:
        say_json(json.dumps(statuses, indent=1))
        return 0
    for status in statuses:
        kind = "  (rematch)" if status["rematch"] else ""
        say(f"{status['job_id']}  {status['state']:<10}  {status['photos'] or 'enrolment'}{kind}")
    if not statuses:
        say(f"no jobs in {store.uri}", err=True)
    return 0
