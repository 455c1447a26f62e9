"""``headcount watch``: follow a job until it ends, on any machine that reaches the archive."""

from __future__ import annotations

import sys
import time

import click

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import FinishedRecord, ProgressRecord
from headcount.errors import TransientError
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    latest_job_argument,
    load_s3,
)
from orchestrator.commands.status import lines_of, read_status
from orchestrator.console.progress import make_reporter
from orchestrator.console.summary import exit_code
from orchestrator.people.short_ids import job_or_latest
from orchestrator.terminal import say_lines

LOOK_SECONDS = 2.0
AGAIN_SECONDS = 10.0
"""Pause after a store did not answer: a watch may last for days."""


@click.command()
@latest_job_argument
@archive_option
def command(job: str | None, archive: str) -> int:
    """Follow JOB, or the latest, until it ends; the exit code is the job's."""
    store = existing_archive(archive, load_s3())
    job = job_or_latest(store, job)
    read_status(store, job)  # refuses a job that is not there
    keys, stage = JobKeys(job), ""
    finished = None
    with make_reporter(sys.stderr) as reporter:
        while finished is None:
            try:
                progress = find_record(store, keys.progress, ProgressRecord)
                finished = find_record(store, keys.finished, FinishedRecord)
            except TransientError as error:
                reporter.warn(f"{error}; looking again")
                time.sleep(AGAIN_SECONDS)
                continue
            if progress and progress.stage != stage:
                stage = progress.stage
                reporter.stage(stage)
            if progress:
                reporter.progress(progress)
            if finished is None:
                time.sleep(LOOK_SECONDS)
    say_lines(lines_of(read_status(store, job)))
    return exit_code(finished)
