"""``headcount beat``: wakes the supervisor at the moment a schedule is due."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import click

from headcount.broker.beat import Beat
from headcount.contract.record import now
from headcount.errors import HeadcountError
from headcount.storage import Store, canonical_uri
from headcount.telemetry import logs
from orchestrator.commands.options import archive_option, load_s3, load_settings
from orchestrator.commands.supervise import open_broker
from orchestrator.jobs.submit import open_archive
from orchestrator.schedules.schedule import moments

log = logging.getLogger(__name__)

SYNC_SECONDS = 15.0
FIRING = timedelta(seconds=60)
"""A moment stays set for so long after it came: beat may be a little late."""


@click.command()
@archive_option
def command(archive: str) -> None:
    """Fire the archive's schedules: run it beside `headcount supervise`.

    The archive holds the schedules, so the broker may lose them all. Two of these may run, one
    of them fires. Without any, the supervisor notices a due night by itself, some minutes later.
    """
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    broker = open_broker(settings)
    store = open_archive(canonical_uri(archive), load_s3())
    beat = Beat(broker.url, store.uri)
    set_beat(beat, store)
    threading.Thread(target=_keep_set, args=(beat, store), daemon=True).start()
    beat.run()


def set_beat(beat: Beat, store: Store) -> None:
    """Set beat to what the archive says."""
    beat.set(moments(store, now() - FIRING))


def _keep_set(beat: Beat, store: Store) -> None:
    pause = threading.Event()
    while not pause.wait(SYNC_SECONDS):
        try:
            set_beat(beat, store)
        except HeadcountError as error:
            log.warning("schedules cannot be read: %s", error)
