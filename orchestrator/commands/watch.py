"""``headcount watch``: follows a job until it ends; it may run anywhere that sees the archive."""

from __future__ import annotations

import sys
import time

import click

from headcount.layout import JobKeys
from headcount.messages import FinishedRecord, ProgressRecord, find_record
from orchestrator.commands.options import archive_option, existing_archive, job_argument, load_s3
from orchestrator.commands.status import lines_of, read_status
from orchestrator.conclude import exit_code
from orchestrator.progress import make_reporter


@click.command()
@job_argument
@archive_option
def command(job: str, archive: str) -> int:
    """Follow JOB until it ends; the exit code is the job's."""
    store = existing_archive(archive, load_s3())
    read_status(store, job)  # refuses a job that is not there
    keys, stage = JobKeys(job), ""
    with make_reporter(sys.stderr) as reporter:
        while True:
            progress = find_record(store, keys.progress, ProgressRecord)
            if progress and progress.stage != stage:
                stage = progress.stage
                reporter.stage(stage)
            if progress:
                reporter.progress(progress)
            finished = find_record(store, keys.finished, FinishedRecord)
            if finished:
                break
            time.sleep(2)
    click.echo("\n".join(lines_of(read_status(store, job))))
    return exit_code(finished)
