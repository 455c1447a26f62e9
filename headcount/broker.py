"""The task queue: Celery on Redis or Valkey, its whole policy, and the signs of life of workers.

Redis says only who does what right now. Losing all of it loses no result: what is done is
marked in the archive, and the supervisor sends the rest again.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import redis
from celery import Celery
from celery.bootsteps import StartStopStep
from celery.signals import worker_shutting_down
from kombu.exceptions import KombuError, OperationalError
from kombu.utils.url import maybe_sanitize_url

from headcount.contract.messages import FireMessage, UnitMessage
from headcount.errors import FatalError, TransientError

log = logging.getLogger(__name__)

EMBED_QUEUE = "embed"
REDUCE_QUEUE = "reduce"
SCHEDULE_QUEUE = "schedule"
FIRE_TASK = "headcount.fire"
QUEUES = {
    "prepare": EMBED_QUEUE,
    "embed": EMBED_QUEUE,
    "split": REDUCE_QUEUE,
    "match": REDUCE_QUEUE,
    "join": REDUCE_QUEUE,
    "reduce": REDUCE_QUEUE,
}
"""Where each kind of unit waits."""
TASKS = {kind: f"headcount.{kind}" for kind in QUEUES}
ROUTES = {TASKS[kind]: {"queue": queue} for kind, queue in QUEUES.items()}
ROUTES[FIRE_TASK] = {"queue": SCHEDULE_QUEUE}

UNACKED = "unacked"
"""The hash in which kombu keeps what was delivered and not acknowledged."""

TIMEOUT_SECONDS = 10.0
"""A broker that does not answer for so long is taken for one that is away."""
BEAT_SECONDS = 1.5
"""How often a worker renews its sign of life for a unit."""
RELEASED = "left"
"""The state of a unit that its worker handed back unfinished, on purpose."""
BEAT_EXPIRY_SECONDS = 8
"""A sign of life that was not renewed for so long is gone."""


def secured(broker_url: str) -> str:
    """A ``rediss://`` URL that says whom to trust: SSL_CERT_FILE, or the system's authorities.

    The broker's certificate is always verified; a URL that says otherwise is taken at its word.
    """
    if not broker_url.startswith("rediss://") or "ssl_cert_reqs" in broker_url:
        return broker_url
    options = {"ssl_cert_reqs": "required"}
    if authority := os.environ.get("SSL_CERT_FILE"):
        options["ssl_ca_certs"] = authority
    return broker_url + ("&" if "?" in broker_url else "?") + urlencode(options)


def make_app(broker_url: str) -> Celery:
    """The Celery application, the same for those who send and those who work."""
    app = Celery("headcount", broker=secured(broker_url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_routes=ROUTES,
        task_create_missing_queues=False,
        task_queues={
            name: {"exchange": name} for name in (EMBED_QUEUE, REDUCE_QUEUE, SCHEDULE_QUEUE)
        },
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,  # the supervisor sends again, and counts attempts
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # Longer than any unit: redelivery by time is the last resort, not the first.
            "visibility_timeout": 6 * 3600,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    )
    return app


def redacted(broker_url: str) -> str:
    """The URL without its password."""
    return str(maybe_sanitize_url(broker_url))


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: units that wait, units in hand, and how long the oldest has waited."""

    waiting: int
    in_hand: int
    oldest_seconds: float


def beat_key(job_id: str, unit: str) -> str:
    """Where a worker says that it is busy with a unit."""
    return f"headcount:beat:{job_id}:{unit}"


class Broker:
    """What headcount does with its broker: send units, see who is at work, count what waits."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._app = make_app(url)
        self._redis = redis.Redis.from_url(
            secured(url).replace("redis+socket://", "unix://"),
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=5,
            decode_responses=True,
        )

    @contextmanager
    def _foreign(self) -> Iterator[None]:
        try:
            yield
        except redis.AuthenticationError as error:
            raise FatalError(
                f"the broker {redacted(self.url)} refuses the password: check the URL "
                "in HEADCOUNT_BROKER_URL"
            ) from error
        except (redis.RedisError, OperationalError, KombuError, OSError) as error:
            raise TransientError(f"broker {redacted(self.url)}: {error}") from error

    def check(self) -> None:
        """Raise FatalError unless the broker answers."""
        try:
            with self._foreign():
                self._redis.ping()
        except TransientError as error:
            raise FatalError(
                f"cannot reach the broker at {redacted(self.url)}. Start a Valkey or Redis "
                "there, set HEADCOUNT_BROKER_URL to one that runs, or unset it to let "
                "`headcount run` start its own."
            ) from error

    def send(self, message: UnitMessage) -> None:
        """Put one unit of work on its queue."""
        task = TASKS[message.unit.split("-")[0]]
        with self._foreign():
            self._app.send_task(
                task,
                kwargs={"message": message.model_dump(mode="json")},
                headers={"sent": time.time()},
                retry=True,
                retry_policy={"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5},
            )

    def fired(self) -> list[FireMessage]:
        """Take the schedules that beat says are due; what is no such message is dropped."""
        taken = []
        with self._foreign():
            while (raw := self._redis.rpop(SCHEDULE_QUEUE)) is not None:
                with suppress(ValueError):
                    taken.append(FireMessage.model_validate(_message_of(raw)))
        return taken

    def beats(self, job_id: str, units: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The latest sign of life of each unit that a worker has in hand or just finished."""
        names = list(units)
        if not names:
            return {}
        with self._foreign():
            values = self._redis.mget([beat_key(job_id, unit) for unit in names])
        return {name: json.loads(value) for name, value in zip(names, values, strict=True) if value}

    def waiting(self, job_id: str) -> set[str]:
        """The units of a job that wait in the queues, not yet taken by a worker."""
        units = set()
        with self._foreign():
            for queue in (EMBED_QUEUE, REDUCE_QUEUE):
                for raw in self._redis.lrange(queue, 0, -1):
                    message = _message_of(raw)
                    if message.get("job_id") == job_id:
                        units.add(str(message.get("unit")))
        return units

    def beat(self, job_id: str, unit: str, state: dict[str, Any]) -> None:
        """Say that a unit is in hand; see Heartbeat in the workers for who calls it."""
        with self._foreign():
            self._redis.set(beat_key(job_id, unit), json.dumps(state), ex=BEAT_EXPIRY_SECONDS)

    def forget_beats(self, job_id: str, units: Iterable[str]) -> None:
        """Drop the last signs of units that are done, or whose next attempt is to be seen."""
        if keys := [beat_key(job_id, unit) for unit in units]:
            with self._foreign():
                self._redis.delete(*keys)

    def queue_lengths(self) -> dict[str, int]:
        """How many messages wait in each queue."""
        with self._foreign():
            return {queue: int(self._redis.llen(queue)) for queue in (EMBED_QUEUE, REDUCE_QUEUE)}

    def queue_states(self) -> dict[str, QueueState]:
        """What waits in each queue of work, since when, and what workers have in hand."""
        with self._foreign():
            in_hand = Counter(_queue_of(raw) for raw in self._redis.hvals(UNACKED))
            return {
                queue: QueueState(
                    waiting=int(self._redis.llen(queue)),
                    in_hand=in_hand[queue],
                    oldest_seconds=_age_of(self._redis.lindex(queue, -1)),
                )
                for queue in (EMBED_QUEUE, REDUCE_QUEUE)
            }

    def workers_seen(self) -> int:
        """How many worker processes have shown themselves in the last seconds."""
        with self._foreign():
            return sum(1 for _ in self._redis.scan_iter("headcount:worker:*"))

    def show_worker(self, name: str) -> None:
        """A worker shows itself, for `doctor` and the supervisor's `no worker` hint."""
        with self._foreign():
            self._redis.set(f"headcount:worker:{name}", f"{time.time():.0f}", ex=30)


def _message_of(raw: str) -> dict[str, Any]:
    """The headcount message inside a queued Celery message; empty where it is not one of ours."""
    try:
        envelope = json.loads(raw)
        body = envelope["body"]
        if envelope.get("properties", {}).get("body_encoding") == "base64":
            body = base64.b64decode(body)
        kwargs = json.loads(body)[1]
        return dict(kwargs["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        return {}


def _queue_of(delivered: str) -> str:
    """The queue that a delivered message came from; kombu keeps (message, exchange, key)."""
    try:
        return str(json.loads(delivered)[2])
    except (ValueError, IndexError, TypeError, KeyError):
        return ""


def _age_of(raw: str | None) -> float:
    """Seconds since a queued message was sent; 0 where there is none."""
    try:
        sent = float(json.loads(raw or "{}")["headers"]["sent"])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, time.time() - sent)


def register(app: Celery, name: str, body: Callable[[dict[str, Any]], None]) -> None:
    """Make ``body`` the task ``name``. It gets the message as a plain dict.

    Only TransientError is tried again, with backoff and a cap.
    """

    def run(message: dict[str, Any]) -> None:
        body(message)

    app.task(
        run,
        name=name,
        autoretry_for=(TransientError,),
        max_retries=5,
        retry_backoff=2,
        retry_backoff_max=60,
        retry_jitter=True,
    )


LISTENING_SECONDS = 1.0
"""How often a worker looks whether it still takes messages."""
DEAF_LOOKS = 5
"""Found deaf so often in a row, it takes its connection up anew."""


class Listening(StartStopStep):  # type: ignore[misc]
    """A step of Celery's consumer: a connection that brings no message any more is made anew.

    kombu counts a message as in hand until it is acknowledged. Where the broker died meanwhile that
    never happens: a worker with nothing to do would ask for nothing, and not see that its
    connection is gone.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Look from now on; Celery drops the timer with the connection."""
        self._deaf = 0
        consumer.timer.call_repeatedly(LISTENING_SECONDS, self._look, (consumer,))

    def _look(self, consumer: Any) -> None:
        from celery.worker.state import reserved_requests

        idle = not reserved_requests
        deaf = idle and not consumer.task_consumer.channel.qos.can_consume()
        self._deaf = self._deaf + 1 if deaf else 0
        if self._deaf >= DEAF_LOOKS:
            raise ConnectionError("an acknowledgement was lost with the broker; connecting anew")


def serve(
    app: Celery,
    broker: Broker,
    queues: list[str],
    name: str,
    *,
    stopping: Callable[[], None],
    at_once: int = 1,
) -> None:
    """Work on ``queues`` until a signal says stop; ``stopping`` is called when one does.

    So many units ``at_once``, each in a thread: CUDA does not survive a fork.
    """

    def on_stop(**_: Any) -> None:
        stopping()

    worker_shutting_down.connect(on_stop, weak=False)
    threading.Thread(target=_show, args=(broker, name), daemon=True).start()
    app.steps["consumer"].add(Listening)
    app.Worker(
        hostname=name,
        queues=queues,
        pool="threads",
        concurrency=at_once,
        loglevel=logging.getLogger().level,  # as it was set before
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        optimization="fair",
        quiet=True,
    ).start()


def _show(broker: Broker, name: str) -> None:
    while True:
        with suppress(TransientError, FatalError):
            broker.show_worker(name)
        time.sleep(10)


BEAT_LOOP_SECONDS = 5
"""How often beat looks whether its schedule has changed."""


class Beat:
    """Celery beat with redbeat: fires a message for a schedule at the moment it is told.

    Moments are given one at a time, in UTC: Celery's own crontab knows one time zone for all.
    Of several beats of one archive the one that holds redbeat's lock fires.
    """

    def __init__(self, url: str, archive: str) -> None:
        self.archive = archive
        self._app = make_app(url)
        self._app.conf.update(
            beat_scheduler="redbeat.RedBeatScheduler",
            beat_max_loop_interval=BEAT_LOOP_SECONDS,
            result_expires=None,  # there are no results, and no nightly cleaning of them
            redbeat_redis_url=secured(url).replace("redis+socket://", "unix://"),
            redbeat_redis_options={"retry_period": -1, "socket_timeout": 30},
            redbeat_key_prefix=f"headcount:redbeat:{archive}:",
            redbeat_lock_timeout=10 * BEAT_LOOP_SECONDS,
        )
        self._set: dict[str, datetime] = {}

    def set(self, moments: dict[str, datetime]) -> None:
        """Fire each of these schedules at its moment, and no others. Raises TransientError."""
        with _foreign_beat():
            for name in self._set.keys() - moments.keys():
                self._entry(name, self._set.pop(name)).delete()
            for name, moment in moments.items():
                if not self._known(name, moment):
                    # A moment that has passed is due only if it was not run since.
                    before = min(datetime.now(UTC), moment - timedelta(seconds=1))
                    self._entry(name, moment).save().reschedule(before)
                    self._set[name] = moment

    def _known(self, name: str, moment: datetime) -> bool:
        """Whether it is set already, here and in a broker that may have been emptied."""
        return self._set.get(name) == moment and self._entry(name, moment).rank is not None

    def _entry(self, name: str, moment: datetime) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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
        """Fire until a signal says stop; a broker that was emptied is set again."""
        while True:
            try:
                self._app.Beat(loglevel="INFO", quiet=True, pidfile=None).run()
            except redis.RedisError as error:
                log.warning("beat begins anew: %s", error)
                time.sleep(1)
                with suppress(TransientError):
                    self.set(dict(self._set))
            else:
                return


@contextmanager
def _foreign_beat() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise TransientError(f"broker: {error}") from error
