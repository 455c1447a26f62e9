"""``headcount beat``: wake the supervisor when a schedule is due."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import click

from headcount.broker.beat import Beat
from headcount.contract.record import now
from headcount.errors import HeadcountError
from headcount.storage import Store
from headcount.telemetry import logs
from headcount.telemetry.endpoint import Endpoint
from orchestrator.commands.options import (
    archive_in,
    archive_option,
    load_s3,
    load_settings,
    metrics_option,
)
from orchestrator.commands.supervise import open_broker
from orchestrator.console.metrics import BeatWatch
from orchestrator.jobs.submit import open_archive
from orchestrator.schedules.schedule import moments

log = logging.getLogger(__name__)

SYNC_SECONDS = 15.0
FIRING = timedelta(seconds=60)
"""A due time stays set this long after it has come: beat may be a little late."""


@click.command()
@archive_option
@metrics_option
def command(archive: str, metrics_port: int | None) -> None:
    """Fire the archive's schedules: run it beside `headcount supervise`.

    The archive holds the schedules, so nothing is lost with the broker. Several may run for one
    archive: only one of them fires. Without any, the supervisor notices some minutes later that
    a schedule is due.
    """
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    broker = open_broker(settings, "beat")
    s3 = load_s3()
    store = open_archive(archive_in(archive, s3), s3)
    beat = Beat(broker.url, store.uri)
    if metrics_port is not None:
        Endpoint(settings.metrics_host, metrics_port, BeatWatch(beat.ticked).pages())
    set_beat(beat, store)
    threading.Thread(target=_keep_set, args=(beat, store), daemon=True).start()
    beat.run()


def set_beat(beat: Beat, store: Store) -> None:
    """Set in beat when each of the archive's schedules is due next."""
    beat.set(moments(store, now() - FIRING))


def _keep_set(beat: Beat, store: Store) -> None:
    pause = threading.Event()
    while not pause.wait(SYNC_SECONDS):
        try:
            set_beat(beat, store)
        except HeadcountError as error:
            log.warning("schedules cannot be read: %s", error)
