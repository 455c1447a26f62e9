"""``headcount supervise``: drive the submitted jobs of an archive to their end."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import click

from headcount.broker.client import Broker
from headcount.broker.rights import RoleName
from headcount.errors import FatalError, HeadcountError, TransientError
from headcount.jobs.control import JobStopped
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from headcount.telemetry import logs
from headcount.telemetry.endpoint import Endpoint
from orchestrator.archive.catalogue import JobQueue
from orchestrator.commands.options import (
    archive_in,
    archive_option,
    load_s3,
    load_settings,
    metrics_option,
)
from orchestrator.console.metrics import Measured, Watch
from orchestrator.console.progress import Lines
from orchestrator.console.summary import exit_code, left_line
from orchestrator.jobs.concurrent import ConcurrentJobs, Tick
from orchestrator.jobs.lease import LeaseLost
from orchestrator.jobs.submit import open_archive
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.jobs.window import Window
from orchestrator.schedules.nights import nights
from orchestrator.schedules.schedule import Scheduler
from orchestrator.schedules.webhook import call_hook
from orchestrator.terminal import say, say_text

log = logging.getLogger(__name__)

FIRED_SECONDS = 2.0
"""Interval of asking whether beat fired a schedule."""
LOOK_SECONDS = 120.0
"""Interval of looking at the schedules without beat: no run is lost with the broker."""
TROUBLE_SECONDS = 10.0


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@archive_option
@click.option("--once", is_flag=True, help="End when no job is left, instead of waiting for more.")
@click.option(
    "--every", type=float, default=10.0, show_default=True, help="Seconds between looks for jobs."
)
@metrics_option
def command(
    jobs: tuple[str, ...], archive: str, once: bool, every: float, metrics_port: int | None
) -> int:
    """Drive JOBs, or every submitted job of the archive, side by side.

    Jobs of one collection run one after another, the more urgent first, then the older.

    Stop it at any time and start it again: it goes on from what the archive has.
    """
    settings, s3 = load_settings(), load_s3()
    logs.configure(settings.log_level, settings.log_format)
    broker = open_broker(settings, "supervisor")
    watch = Watch(broker)
    if metrics_port is not None:
        Endpoint(settings.metrics_host, metrics_port, watch.pages())
    store = open_archive(archive_in(archive, s3), s3)
    scheduler = Scheduler(store, settings=settings, s3=s3, hook=partial(call_hook, settings))
    if not jobs:
        again_later(scheduler.look)
    if not (jobs or once):
        looks = (scheduler, broker, watch)
        threading.Thread(target=run_schedules, args=looks, daemon=True).start()
    window = Window(settings.window)
    concurrent = ConcurrentJobs(
        lambda job_id, tick: drive(store, job_id, broker, settings, s3, watch, window, tick)
    )
    queue, left = JobQueue(store), list(jobs)
    try:
        while True:
            left = concurrent.begin(left)
            seen = bool(jobs) or again_later(lambda: concurrent.begin(look_for_jobs(queue, watch)))
            watch.moves()
            if (once or jobs) and seen and not concurrent.running() and not left:
                again_later(scheduler.tell)
                return concurrent.worst
            concurrent.wait(every)
    except KeyboardInterrupt:
        if once or jobs:
            raise  # the jobs are not done
        log.info("stopped; every job goes on from here when a supervisor runs again")
        return 0  # the end that a service has when it is told to stop
    finally:
        concurrent.stop()


def again_later(look: Callable[[], object]) -> bool:
    """Look at the archive. False where it did not answer: the caller looks again later."""
    try:
        look()
    except TransientError as error:
        log.warning("%s; looking again later", error)
        return False
    return True


def look_for_jobs(queue: JobQueue, watch: Watch) -> list[str]:
    """The jobs to drive now; the time of the last failure goes to the metrics."""
    with watch.metrics.asking_store():
        ids = queue.next_jobs()
    watch.metrics.last_failed = queue.last_failed
    return ids


def run_schedules(scheduler: Scheduler, broker: Broker, watch: Watch) -> None:
    """Begin due runs when beat fires, and now and then without it; call the hook for ended runs.

    The metrics have the nights from the start on.
    """
    looked = -LOOK_SECONDS
    pause = threading.Event()
    while not pause.wait(FIRED_SECONDS):
        try:
            if broker.fired() or time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                look_at_schedules(scheduler, watch)
        except HeadcountError as error:
            log.warning("schedules: %s", error)
            pause.wait(TROUBLE_SECONDS)


def look_at_schedules(scheduler: Scheduler, watch: Watch) -> None:
    """Begin due runs; the nights go to the metrics, whether that went well or not."""
    try:
        scheduler.look()
    finally:
        watch.metrics.nights = nights(scheduler.store)


def require_broker_url(settings: Settings) -> str:
    """URL of the broker that is set. Raises FatalError where none is."""
    if settings.broker_url is None:
        raise FatalError(
            "no broker is set: HEADCOUNT_BROKER_URL=redis://host:6379/0 names the one that the "
            "workers listen to"
        )
    return settings.broker_url.get_secret_value()


def open_broker(settings: Settings, role: RoleName) -> Broker:
    """The broker that is set. Raises FatalError where none is set, or it does not answer.

    Also where its user lacks a right that the role needs.
    """
    broker = Broker(require_broker_url(settings))
    broker.check()
    broker.require_rights(role)
    return broker


def drive(
    store: Store,
    job_id: str,
    broker: Broker,
    settings: Settings,
    s3: S3Settings,
    watch: Watch,
    window: Window,
    tick: Tick,
) -> int | None:
    """Drive one job. Its failure is printed and does not end the process.

    Returns the exit code, or None where the job is left as it is and may be taken up again.
    """
    say(f"job {job_id}", err=True)
    try:
        finished = Supervisor(
            store,
            job_id,
            broker=broker,
            settings=settings,
            s3=s3,
            reporter=Measured(Lines(sys.stderr, job_id), watch),
            tick=tick,
            window=window,
        ).run()
    except JobStopped as stop:
        watch.metrics.end(job_id, stop.state)
        say(str(stop), err=True)
        return 0
    except (TransientError, LeaseLost) as error:
        say_text(f"job {job_id} is left as it is: {error}", err=True)
        return None
    except HeadcountError as error:
        watch.metrics.end(job_id, "failed")
        say_text(f"job {job_id} failed: {error}", err=True)
        return 1
    watch.metrics.end(job_id, finished.state)
    say(f"job {job_id} done: {finished.out}", err=True)
    if finished.left:
        say(f"job {job_id}: {left_line(finished.left)}", err=True)
    return exit_code(finished)
