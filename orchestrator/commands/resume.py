"""``headcount resume``: go on with a job from what the archive has of it."""

from __future__ import annotations

import sys

import click

from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import JobSpec
from headcount.jobs.control import let_go_on
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    job_argument,
    load_s3,
    load_settings,
)
from orchestrator.commands.run import crew
from orchestrator.commands.status import read_status
from orchestrator.console.progress import make_reporter
from orchestrator.console.summary import exit_code, print_summary
from orchestrator.jobs.first_look import ended_first_look, go_on_with_all
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say


@click.command()
@job_argument
@archive_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Worker processes to start (where no broker is set).",
)
@click.option(
    "--detach", is_flag=True, help="Leave the work to the `headcount supervise` that runs."
)
def command(job: str, archive: str, workers: int, detach: bool) -> int:
    """Go on with JOB, whether paused, cancelled, failed or interrupted; only the rest is done.

    After a first look that is done, a new job goes on with all photos.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    job = full_job_id(store, job)
    read_status(store, job)  # refuses a job that is not there
    spec = read_record(store, JobKeys(job).spec, JobSpec)
    settings = load_settings(model=spec.model)
    if ended_first_look(store, spec):
        spec = go_on_with_all(store, spec, settings, s3)
        say(f"job {job} was a first look: job {spec.job_id} goes on with all", err=True)
        job = spec.job_id
    let_go_on(store, job)
    if detach:
        say(f"job {job} goes on as soon as a supervisor sees it")
        return 0
    with make_reporter(sys.stderr) as reporter, crew(settings, workers) as (broker, pool):
        tick = pool.check if pool else lambda: None
        finished = Supervisor(
            store, job, broker=broker, settings=settings, s3=s3, reporter=reporter, tick=tick
        ).run()
    return print_summary(finished, s3) if spec.photos else exit_code(finished)
