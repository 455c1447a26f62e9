"""``headcount run``: do a whole job in the foreground, on this machine or a broker's workers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from headcount.broker.client import Broker
from headcount.contract.stored.jobs import FinishedRecord, JobSpec
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, canonical_uri
from orchestrator.commands.options import (
    BESIDE_RESULTS,
    archive_in,
    first_option,
    job_options,
    load_s3,
    load_settings,
    model_options,
)
from orchestrator.console.progress import Rematching, make_reporter
from orchestrator.console.summary import print_summary
from orchestrator.jobs.submit import interrupted_job, make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.local.servers import WorkerPool, embedded_broker, worker_pool
from orchestrator.terminal import say


@click.command()
@click.argument("photos")
@click.option("--out", required=True, metavar="DIR", help="Where the results go: folder or URI.")
@click.option("--archive", metavar="URI", help="The archive.  [default: DIR/archive]")
@job_options
@first_option
@model_options
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Worker processes to start (where no broker is set).",
)
def command(
    photos: str,
    out: str,
    archive: str | None,
    model: str | None,
    provider: str | None,
    threads: int | None,
    workers: int,
    **wishes: Any,
) -> int:
    """Take the roll of PHOTOS and write the results to --out.

    PHOTOS is a folder, a tar or ZIP file, or a CSV, JSON Lines or Parquet list of photos: a path
    or an s3:// URI.

    Starts a broker and a worker of its own and ends them. If HEADCOUNT_BROKER_URL is set, the
    workers of that broker do the work. Photos that the archive knows are not embedded again.
    """
    settings = load_settings(model=model, provider=provider, threads=threads)
    s3 = load_s3()
    spec = make_spec(
        photos=photos,
        archive=archive_in(archive, s3) if archive else canonical_uri(out) + BESIDE_RESULTS,
        out=out,
        settings=settings,
        **wishes,
    )
    return run_job(spec, settings, s3, workers)


def run_job(spec: JobSpec, settings: Settings, s3: S3Settings, workers: int) -> int:
    """Run a job in the foreground and print its summary; return the exit code."""
    store, job_id = _begin(spec, s3)
    return drive_here(store, job_id, settings, s3, workers)


def drive_here(
    store: Store,
    job_id: str,
    settings: Settings,
    s3: S3Settings,
    workers: int = 1,
    *,
    rematch: bool = False,
) -> int:
    """Drive a job in the foreground to its end and print its summary; return the exit code."""
    with make_reporter(sys.stderr) as reporter, crew(settings, workers) as (broker, pool):
        finished: FinishedRecord = Supervisor(
            store,
            job_id,
            broker=broker,
            settings=settings if pool is None else _quicker(settings),
            s3=s3,
            reporter=Rematching(reporter) if rematch else reporter,
            tick=pool.check if pool else lambda: None,
        ).run()
    return print_summary(finished, s3)


def _begin(spec: JobSpec, s3: S3Settings) -> tuple[Store, str]:
    from orchestrator.jobs.submit import open_archive

    store = open_archive(spec.archive, s3)
    earlier = interrupted_job(store, spec)
    if earlier:
        say(f"going on with job {earlier}, which was interrupted", err=True)
        return store, earlier
    return submit(spec, s3), spec.job_id


@contextmanager
def crew(settings: Settings, workers: int) -> Iterator[tuple[Broker, WorkerPool | None]]:
    """A broker and its workers: those of the broker that is set, or own ones for this run."""
    if settings.broker_url is not None:
        broker = Broker(settings.broker_url.get_secret_value())
        broker.check()
        broker.require_rights("supervisor")
        yield broker, None
        return
    environment = {
        "HEADCOUNT_MODEL": settings.model,
        "HEADCOUNT_PROVIDER": settings.provider,
        "HEADCOUNT_THREADS": str(max(1, settings.threads // workers)),
    }
    with ExitStack() as stack:
        url = stack.enter_context(embedded_broker())
        pool = stack.enter_context(worker_pool(workers, url, environment))
        yield Broker(url), pool


def _quicker(settings: Settings) -> Settings:
    """Settings with shorter intervals: polling is cheap here, and dead workers are replaced."""
    return settings.model_copy(
        update={
            "poll_seconds": min(settings.poll_seconds, 0.2),
            "lost_seconds": min(settings.lost_seconds, 5.0),
        }
    )
