"""Run one unit of work: once is enough, heartbeats meanwhile, the done marker last."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import TracebackType
from typing import Any

from headcount.broker.client import HEARTBEAT_SECONDS, RELEASED, Broker
from headcount.contract import forgotten
from headcount.contract.layout import reduces
from headcount.contract.stored.jobs import DoneMarker, FailedMarker
from headcount.errors import FatalError, HeadcountError, ObjectError, TransientError, WorkerUnfit
from headcount.jobs import attempts, control
from workers.runtime.unit import Unit, UnitReleased

log = logging.getLogger(__name__)

Work = Callable[[Unit], DoneMarker]

STALL_SECONDS = 900.0
"""A unit whose photo count stands still for so long hangs, and sends no more heartbeats. The reduce
stage, whose steps may be long, is exempt."""
SLOW_PHOTO_SECONDS = 60.0
"""A photo in hand for so long is told of: ordinary ones take seconds, the worst known one two
minutes of a core."""


class Heartbeat:
    """A thread that sends heartbeats of a unit while the unit makes progress."""

    def __init__(self, unit: Unit, broker: Broker) -> None:
        self._unit = unit
        self._broker = broker
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"heartbeat-{unit.name}", daemon=True
        )
        self._seen = (-1, time.monotonic())
        self._count = itertools.count(1)
        self._told = ""

    def send(self, state: str) -> None:
        """Send one heartbeat; a broker that cannot take it does not stop the work."""
        unit = self._unit
        beat: dict[str, Any] = {
            "state": state,
            "number": next(self._count),
            "photos": unit.photos,
            "attempt": unit.attempt,
            "worker": unit.context.worker,
        }
        if slow := self._slow_photo():
            beat["slow"] = slow
        try:
            self._broker.send_heartbeat(unit.job_id, unit.name, beat)
        except HeadcountError as error:
            log.warning("no heartbeat of %s: %s", unit.name, error)

    def _slow_photo(self) -> dict[str, Any] | None:
        """The photo that is in hand for long; the log tells of each once."""
        key, seconds = self._unit.longest_in_hand() or ("", 0.0)
        if not key or seconds < SLOW_PHOTO_SECONDS:
            return None
        if key != self._told:
            self._told = key
            where = f"{self._unit.job_id}/{self._unit.name}"
            log.warning("%s is at the photo %s for %.0f s", where, key, seconds)
        return {"worker": self._unit.context.worker, "photo": key, "seconds": int(seconds)}

    def _alive(self) -> bool:
        photos, since = self._seen
        if self._unit.photos != photos:
            self._seen = (self._unit.photos, time.monotonic())
            return True
        return reduces(self._unit.name) or time.monotonic() - since < STALL_SECONDS

    def _run(self) -> None:
        while self._alive():
            self.send("working")
            if self._stop.wait(HEARTBEAT_SECONDS):
                return

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()


class StopMonitor:
    """A thread that requests a unit to stop.

    It does where the job was paused or cancelled, where a person is being forgotten, or where this
    process was told to stop and its time to finish is over.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._stop = threading.Event()
        self._checked = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"stop-{unit.name}", daemon=True)

    def _is_to_stop(self) -> bool:
        leave_at = self._unit.context.leave_at
        if leave_at is not None and time.monotonic() >= leave_at:
            return True
        if time.monotonic() - self._checked < control.CHECK_SECONDS:
            return False
        self._checked = time.monotonic()
        try:
            return _is_held(self._unit)
        except HeadcountError as error:
            log.warning("cannot see whether %s is paused: %s", self._unit.job_id, error)
            return False

    def _run(self) -> None:
        while not self._stop.wait(0.25):
            if self._is_to_stop():
                self._unit.stop_requested.set()
                return

    def __enter__(self) -> StopMonitor:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()  # not joined: it may wait for a slow store, and has nothing to finish


class UnitFailed(Exception):
    """The unit failed for good, and its marker says why: whoever watches Celery is to see it."""

    def __init__(self, unit: Unit, message: str) -> None:
        super().__init__(f"job {unit.job_id}, {unit.name}: {message}")
        self.job_id = unit.job_id
        self.unit = unit.name


def run_unit(unit: Unit, work: Work, broker: Broker) -> bool:
    """Do a unit unless it is done; leave a done marker, or a failure marker with the reason.

    Returns whether it is done. A unit that is released leaves nothing, as if it had never begun.
    Raises TransientError, which the queue tries again; WorkerUnfit where another worker may do it;
    UnitFailed; never any other FatalError.
    """
    with _fit_to_begin():
        if _exists(unit, unit.keys.done(unit.name)):
            Heartbeat(unit, broker).send("done")
            return True
        unit.began_with = forgotten.tombstones(unit.store)
        if _is_held(unit):
            Heartbeat(unit, broker).send(RELEASED)
            return False
    failure: FailedMarker | None = None
    with Heartbeat(unit, broker) as heartbeat, StopMonitor(unit):
        try:
            with _lock_for(unit):
                _attempt(unit, work)
        except UnitReleased:
            attempts.discard(unit.store, unit.keys, unit.name, unit.attempt)
            log.info("%s/%s handed back", unit.job_id, unit.name)
            state = RELEASED
        except TransientError as error:
            log.warning("%s/%s: %s; will be tried again", unit.job_id, unit.name, error)
            raise
        except WorkerUnfit:
            _leave_attempt(unit)
            raise
        except Exception as error:  # whatever else happens ends the unit, with its reason
            failure = _fail(unit, error)
            state = "failed" if failure else RELEASED
        else:
            state = "done"
            log.info("%s/%s done", unit.job_id, unit.name)
    heartbeat.send(state)
    if failure is not None:
        raise UnitFailed(unit, failure.message)
    return state == "done"


def _attempt(unit: Unit, work: Work) -> None:
    """Claim an attempt at a unit, do its work and leave the done marker."""
    with _fit_to_begin():
        unit.attempt = attempts.claim(unit.store, unit.keys, unit.name, unit.context.worker)
    log.info("%s/%s attempt %d begins", unit.job_id, unit.name, unit.attempt)
    marker = work(unit)
    unit.confirm()
    unit.store.put_new(unit.keys.done(unit.name), marker.to_bytes())


@contextmanager
def _fit_to_begin() -> Iterator[None]:
    """Raise WorkerUnfit for whatever lasts and keeps a unit from being begun: no attempt counts."""
    try:
        yield
    except WorkerUnfit:
        raise
    except (FatalError, ObjectError) as error:
        raise WorkerUnfit(str(error)) from error


def _leave_attempt(unit: Unit) -> None:
    """Discard the attempt of a worker that cannot work, as far as it can reach the store."""
    if unit.attempt:
        with suppress(HeadcountError):
            attempts.discard(unit.store, unit.keys, unit.name, unit.attempt)


def _lock_for(unit: Unit) -> AbstractContextManager[None]:
    """The lock for a unit: shared with others, or exclusive where it will be worked on carefully.

    It is taken before the attempt is counted: a unit that waits has not died. The reduce stage,
    which may take long, takes none, so that nobody waits for it.
    """
    if reduces(unit.name):
        return nullcontext()
    made = attempts.count(unit.store, unit.keys, unit.name)
    careful = made + 1 >= attempts.CAREFUL_FROM
    return unit.context.exclusive.hold(alone=careful, raise_if_stopped=unit.raise_if_stopped)


def _fail(unit: Unit, error: Exception) -> FailedMarker | None:
    """Leave a failure marker; None for a unit that is late, whose reason may quote a name.

    Raises WorkerUnfit where the marker cannot be written either.
    """
    if isinstance(error, (FatalError, ObjectError)):
        log.error("%s/%s failed: %s", unit.job_id, unit.name, error)
        message, detail = str(error), None
    else:
        detail = traceback.format_exc()
        log.error("%s/%s failed\n%s", unit.job_id, unit.name, detail)
        where = unit.store.uri + unit.keys.failed(unit.name)
        message = (
            f"{unit.name} failed by a defect of headcount: {type(error).__name__}: {error}. "
            f"{where} holds the details; please report them"
        )
    marker = FailedMarker(unit=unit.name, message=message, detail=detail)
    try:
        unit.confirm()
        unit.store.put(unit.keys.failed(unit.name), marker.to_bytes())
    except UnitReleased:
        return None
    except (FatalError, ObjectError) as denied:
        raise WorkerUnfit(str(denied)) from error
    return marker


def _is_held(unit: Unit) -> bool:
    """Whether the unit is to wait: its job stands still, or a person is being forgotten."""
    flag = control.stopped(unit.store, unit.job_id)
    return flag is not None or forgotten.under_way(unit.store) is not None


def _exists(unit: Unit, key: str) -> bool:
    try:
        unit.store.stat(key)
    except ObjectError:
        return False
    return True
