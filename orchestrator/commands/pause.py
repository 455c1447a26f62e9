"""``headcount pause``: stop a job until it is resumed; what is done stays done."""

from __future__ import annotations

import click

from headcount.jobs.control import stop
from orchestrator.commands.options import archive_option, existing_archive, job_argument, load_s3
from orchestrator.commands.status import read_status
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say


@click.command()
@job_argument
@archive_option
def command(job: str, archive: str) -> int:
    """Stop JOB until `headcount resume`: nothing new is begun, nothing that was done is lost.

    Workers leave their shard at its next photo. The flag lies in the archive, so it also holds for
    supervisors and workers that start later.
    """
    store = existing_archive(archive, load_s3())
    job = full_job_id(store, job)
    read_status(store, job)  # refuses a job that is not there
    stop(store, job, "paused")
    say(f"job {job} is paused: `headcount resume {job}` goes on with it")
    return 0
