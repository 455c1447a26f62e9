"""``headcount cancel``: end a job; what it has done stays in the archive."""

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
    """End JOB: nothing new is begun, nothing that was done is lost.

    `headcount watch` and others that wait for the job see it end. `headcount resume` goes on with
    it and embeds only the rest.
    """
    store = existing_archive(archive, load_s3())
    job = full_job_id(store, job)
    read_status(store, job)  # refuses a job that is not there
    stop(store, job, "cancelled")
    say(f"job {job} is cancelled: `headcount resume {job}` goes on with it")
    return 0
