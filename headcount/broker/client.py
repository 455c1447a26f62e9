"""Broker: sends units of work, reads and writes heartbeats, counts messages."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import redis
from kombu.exceptions import KombuError, OperationalError

from headcount.broker.address import parse_address
from headcount.broker.app import make_app
from headcount.broker.connect import connect, translate, why_away
from headcount.broker.envelopes import (
    UNREADABLE,
    age_of,
    can_be_restored,
    delivered_of,
    message_of,
)
from headcount.broker.presence import (
    PRESENCE_EXPIRY_SECONDS,
    WorkerState,
    from_value,
    to_value,
)
from headcount.broker.queues import EMBED_QUEUE, QUEUES, REDUCE_QUEUE, SCHEDULE_QUEUE, TASKS
from headcount.broker.rights import ROLES, RoleName, missing_rights
from headcount.contract.layout import is_shard
from headcount.contract.messages import FireMessage, UnitMessage
from headcount.errors import FatalError, TransientError

log = logging.getLogger(__name__)

WORKER_KEYS = "headcount:worker:"
"""The keys under which live workers show themselves, by their names."""
WAIT_SECONDS = 2.0
"""Pause between two looks for a broker that is away."""
WAIT_LINE_SECONDS = 60.0
"""Pause between two log lines about it."""
UNACKED = "unacked"
"""The hash in which kombu keeps delivered messages until they are acknowledged."""
HEARTBEAT_SECONDS = 1.5
"""Seconds between two heartbeats of a unit."""
RELEASED = "left"
"""The state of a unit that its worker handed back unfinished, on purpose."""
REFUSED = "refused"
"""The state of a unit that a worker cannot do, and another may."""
HEARTBEAT_EXPIRY_SECONDS = 8
"""A heartbeat is gone after so long without another."""
REFUSAL_EXPIRY_SECONDS = 60
"""A refusal is said once: it outlives a short absence of the supervisor."""
FOREIGN_KEPT = 100
"""Foreign messages that are kept of each queue; more are dropped."""
FOREIGN_BYTES = 64 << 10
"""Bytes kept of each."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: units that wait, units in hand, and the wait of the oldest."""

    waiting: int
    in_hand: int
    """Units that a worker works on by its heartbeats; each counts once."""
    oldest_seconds: float
    delivered: int = 0
    """Messages that were taken and never acknowledged, those of killed workers too."""

    def with_flights(self, flights: int) -> QueueState:
        """The same with units counted as in hand that are in flight, and were taken from it.

        A unit has no heartbeat in the first moments, and between two tries at a store.
        """
        taken = min(self.delivered, flights - self.waiting)
        return replace(self, in_hand=max(self.in_hand, taken))


def heartbeat_key(job_id: str, unit: str) -> str:
    """The key of a unit's heartbeat in Redis."""
    return f"headcount:beat:{job_id}:{unit}"


class Broker:
    """The broker: send units, read heartbeats, count messages."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.address = parse_address(url)
        self._app = make_app(url)
        self._redis = connect(self.address)

    @contextmanager
    def _foreign(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OperationalError, KombuError, OSError) as error:
            raise translate(self.address, error) from error

    def check(self) -> None:
        """Raise FatalError unless the broker answers."""
        try:
            self._redis.ping()
        except (redis.RedisError, OSError) as error:
            fault = translate(self.address, error)
            if isinstance(fault, FatalError):
                raise fault from error
            guess = why_away(self.address, error)
            raise FatalError(
                f"cannot reach the broker at {self.address.shown}"
                + (f": {guess}. " if guess else ". ")
                + "Start a Valkey or Redis there, set HEADCOUNT_BROKER_URL to one that runs, or "
                "unset it to let `headcount run` start its own."
            ) from error

    def missing_rights(self, role: RoleName) -> list[str]:
        """The rights of a role that the URL's user lacks; empty where it has them all."""
        with self._foreign():
            return missing_rights(self._redis, ROLES[role])

    def require_rights(self, role: RoleName) -> None:
        """Raise FatalError where the URL's user may not do all that a role needs.

        Asked before any message is taken: one that was taken, and may not be noted, is lost.
        """
        if lacking := self.missing_rights(role):
            user = self.address.username or "default"
            raise FatalError(
                f"the broker's user {user} has not all rights of a {role}: it lacks "
                f"{', '.join(lacking)}. docs/security.md has the line that gives them"
            )

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
        """Take the messages of due schedules; drop all others in that queue."""
        taken = []
        with self._foreign():
            while (raw := self._redis.rpop(SCHEDULE_QUEUE)) is not None:
                with suppress(ValueError):
                    taken.append(FireMessage.model_validate(message_of(raw)))
        return taken

    def heartbeats(self, job_id: str, units: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The latest heartbeat of each unit that a worker has in hand or just finished."""
        names = list(units)
        if not names:
            return {}
        with self._foreign():
            values = self._redis.mget([heartbeat_key(job_id, unit) for unit in names])
        found = {n: _heartbeat(value) for n, value in zip(names, values, strict=True) if value}
        return {name: heartbeat for name, heartbeat in found.items() if heartbeat}

    def waiting(self, job_id: str) -> set[str]:
        """The units of a job that wait in the queues, not yet taken by a worker."""
        units = set()
        with self._foreign():
            for queue in (EMBED_QUEUE, REDUCE_QUEUE):
                for raw in self._redis.lrange(queue, 0, -1):
                    message = message_of(raw)
                    if message.get("job_id") == job_id:
                        units.add(str(message.get("unit")))
        return units

    def take_back(self, job_id: str) -> set[str]:
        """Remove the shards of a job that wait in their queue: no worker takes them any more."""
        taken = set()
        with self._foreign():
            for raw in self._redis.lrange(EMBED_QUEUE, 0, -1):
                message = message_of(raw)
                unit = str(message.get("unit"))
                ours = message.get("job_id") == job_id and is_shard(unit)
                if ours and self._redis.lrem(EMBED_QUEUE, 1, raw):  # 0: a worker was quicker
                    taken.add(unit)
        return taken

    def send_heartbeat(self, job_id: str, unit: str, state: dict[str, Any]) -> None:
        """Write the heartbeat of a unit in hand; a worker's Heartbeat calls it."""
        refused = state["state"] == REFUSED
        seconds = REFUSAL_EXPIRY_SECONDS if refused else HEARTBEAT_EXPIRY_SECONDS
        with self._foreign():
            self._redis.set(heartbeat_key(job_id, unit), json.dumps(state), ex=seconds)

    def forget_heartbeats(self, job_id: str, units: Iterable[str]) -> None:
        """Drop the last heartbeats of units that are done, or are tried anew."""
        if keys := [heartbeat_key(job_id, unit) for unit in units]:
            with self._foreign():
                self._redis.delete(*keys)

    def queue_lengths(self) -> dict[str, int]:
        """The number of messages that wait in each queue."""
        with self._foreign():
            return {queue: int(self._redis.llen(queue)) for queue in (EMBED_QUEUE, REDUCE_QUEUE)}

    def queue_states(self) -> dict[str, QueueState]:
        """The state of each queue of work."""
        with self._foreign():
            delivered = [delivered_of(raw) for raw in self._redis.hvals(UNACKED)]
            in_hand = self._beating(message for _, message in delivered)
            taken = Counter(queue for queue, _ in delivered)
            return {
                queue: QueueState(
                    waiting=int(self._redis.llen(queue)),
                    in_hand=in_hand[queue],
                    oldest_seconds=age_of(self._redis.lindex(queue, -1)),
                    delivered=taken[queue],
                )
                for queue in (EMBED_QUEUE, REDUCE_QUEUE)
            }

    def _beating(self, messages: Iterable[dict[str, Any]]) -> Counter[str]:
        """Number of these messages' units that workers have in hand, by queue."""
        named = {(str(m.get("job_id")), str(m.get("unit"))) for m in messages if m}
        units = [(job, unit) for job, unit in named if unit.split("-")[0] in QUEUES]
        if not units:
            return Counter()
        values = self._redis.mget([heartbeat_key(*unit) for unit in units])
        return Counter(
            QUEUES[unit.split("-")[0]]
            for (_, unit), value in zip(units, values, strict=True)
            if value and _heartbeat(value).get("state") == "working"
        )

    def workers(self) -> list[WorkerState]:
        """The worker processes seen in the last 30 seconds."""
        with self._foreign():
            keys = sorted(self._redis.scan_iter(f"{WORKER_KEYS}*"))
            values = self._redis.mget(keys) if keys else []
        shown = zip(keys, values, strict=True)
        return [from_value(key.removeprefix(WORKER_KEYS), value) for key, value in shown if value]

    def worker_count(self) -> int:
        """The number of worker processes seen in the last 30 seconds."""
        with self._foreign():
            return sum(1 for _ in self._redis.scan_iter(f"{WORKER_KEYS}*"))

    def show_worker(self, state: WorkerState) -> None:
        """Record that a worker runs: for `doctor`, `status` and the supervisor."""
        with self._foreign():
            self._redis.set(WORKER_KEYS + state.name, to_value(state), ex=PRESENCE_EXPIRY_SECONDS)

    def set_aside(self, queue: str, raw: bytes) -> None:
        """Keep a message that is not headcount's in a list of its own, which is bounded."""
        key = f"{queue}.foreign"
        with self._foreign():
            if self._redis.llen(key) < FOREIGN_KEPT:
                self._redis.rpush(key, raw[:FOREIGN_BYTES])

    def drop_unreadable(self) -> int:
        """Drop delivered messages that kombu could not put back; return their number.

        kombu looks at them when a worker connects, and each worker would end.
        """
        with self._foreign():
            found = self._redis.hgetall(UNACKED)
            tags = [tag for tag, raw in found.items() if not can_be_restored(raw)]
            if tags:
                self._redis.hdel(UNACKED, *tags)
                self._redis.zrem(f"{UNACKED}_index", *tags)
        return len(tags)

    def wait(self) -> None:
        """Wait until the broker answers. Raises FatalError where it refuses the password."""
        told = 0.0
        while True:
            try:
                with self._foreign():
                    self._redis.ping()
            except TransientError as error:
                if time.monotonic() - told > WAIT_LINE_SECONDS or not told:
                    told = time.monotonic()
                    log.warning("%s; waiting for the broker", error)
                time.sleep(WAIT_SECONDS)
            else:
                return


def _heartbeat(value: str) -> dict[str, Any]:
    """A heartbeat as it was sent; empty where something else lies under its key."""
    try:
        return dict(json.loads(value))
    except UNREADABLE:
        return {}
