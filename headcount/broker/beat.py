"""Beat: Celery beat with redbeat, which sends a message when a schedule is due."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from headcount.broker.address import Address, parse_address
from headcount.broker.app import make_app
from headcount.broker.connect import translate
from headcount.broker.queues import FIRE_TASK
from headcount.contract.messages import FireMessage
from headcount.errors import TransientError

log = logging.getLogger(__name__)

BEAT_LOOP_SECONDS = 5
"""Seconds between two looks for a changed schedule."""


class Beat:
    """Celery beat with redbeat: sends a message for a schedule at a given moment.

    Moments are given one at a time, in UTC: Celery's own crontab knows one time zone for all.
    Several beats of one archive share redbeat's lock: only its holder sends.
    """

    def __init__(self, url: str, archive: str) -> None:
        self.archive = archive
        self._address = parse_address(url)
        self._app = make_app(url)
        self._app.conf.update(
            beat_scheduler=_scheduler(self._note_tick),
            beat_max_loop_interval=BEAT_LOOP_SECONDS,
            result_expires=None,  # there are no results, and no nightly cleaning of them
            **_redbeat_settings(self._address),
            redbeat_key_prefix=f"headcount:redbeat:{archive}:",
            redbeat_lock_timeout=10 * BEAT_LOOP_SECONDS,
        )
        self._set: dict[str, datetime] = {}
        self._ticked: float | None = None

    def ticked(self) -> float | None:
        """When it last looked for what is due (Unix time); None while it waits in reserve."""
        return self._ticked

    def _note_tick(self) -> None:
        self._ticked = time.time()

    def set(self, moments: dict[str, datetime]) -> None:
        """Set the moment of each of these schedules, and drop all others. Raises TransientError."""
        with _foreign_beat(self._address):
            for name in self._set.keys() - moments.keys():
                self._entry(name, self._set.pop(name)).delete()
            for name, moment in moments.items():
                if not self._known(name, moment):
                    # A moment that has passed is due only if it was not run since.
                    before = min(datetime.now(UTC), moment - timedelta(seconds=1))
                    self._entry(name, moment).save().reschedule(before)
                    self._set[name] = moment

    def _known(self, name: str, moment: datetime) -> bool:
        """Whether it is set, here and in a broker that may have been emptied."""
        return self._set.get(name) == moment and self._entry(name, moment).rank is not None

    def _entry(self, name: str, moment: datetime) -> Any:
        with _quiet():
            from redbeat import RedBeatSchedulerEntry
            from redbeat.schedules import rrule
        message = FireMessage(archive=self.archive, schedule=name)
        return RedBeatSchedulerEntry(
            name=name,
            task=FIRE_TASK,
            schedule=rrule("DAILY", dtstart=moment, count=1, app=self._app),
            kwargs={"message": message.model_dump(mode="json")},
            app=self._app,
        )

    def run(self) -> None:
        """Send until a signal says stop; set everything again after the broker was emptied."""
        while True:
            self._ticked = None
            try:
                self._app.Beat(loglevel="INFO", quiet=True, pidfile=None).run()
            except redis.exceptions.NoPermissionError as error:
                raise translate(self._address, error) from error
            except redis.RedisError as error:
                log.warning("beat begins anew: %s", error)
                time.sleep(1)
                with suppress(TransientError):
                    self.set(dict(self._set))
            else:
                return


def _scheduler(ticks: Callable[[], None]) -> type:
    """Redbeat's scheduler, which calls ``ticks`` each time it has looked for what is due."""
    with _quiet():
        from redbeat import RedBeatScheduler

    class Scheduler(RedBeatScheduler):  # type: ignore[misc]  # redbeat has no types
        def tick(self, *args: Any, **kwargs: Any) -> Any:
            pause = super().tick(*args, **kwargs)
            ticks()
            return pause

    return Scheduler


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings that redbeat's import gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _foreign_beat(address: Address) -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise translate(address, error) from error


def _redbeat_settings(address: Address) -> dict[str, Any]:
    """The address in redbeat's own words, which takes nothing from the broker's settings."""
    options: dict[str, Any] = {"retry_period": -1, "socket_timeout": 30}
    if address.path:
        return {"redbeat_redis_url": address.socket_url(), "redbeat_redis_options": options}
    tls = None if address.tls is None else dict(address.tls)
    if not address.master:
        url = address.url("redis" if tls is None else "rediss")
        return {
            "redbeat_redis_url": url,
            "redbeat_redis_options": options,
            "redbeat_redis_use_ssl": tls,
        }
    options |= {
        "sentinels": list(address.nodes),
        "service_name": address.master,
        "username": address.username,
        "password": address.password,
        "db": address.database,
        "sentinel_kwargs": address.sentinel_kwargs,
    }
    return {
        "redbeat_redis_url": "redis-sentinel://",
        "redbeat_redis_options": options,
        "redbeat_redis_use_ssl": tls,
    }
