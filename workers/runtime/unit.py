"""A unit of work and its surroundings: its job, its stores, the models of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from headcount.collections import open_collection
from headcount.collections.photos import collection_id
from headcount.contract import forgotten, reading
from headcount.contract.layout import PREPARE, JobKeys, PackKeys, reduces
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.errors import FatalError, ObjectError, ObjectMissing, WorkerUnfit
from headcount.jobs import control
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.storage.base import Reader
from headcount.storage.uris import ALLOWED, is_within
from workers.models.base import ModelPack
from workers.models.packs.files import UnknownPack
from workers.models.packs.of_archive import (
    BOTH_PACKS,
    figures_in_use,
    kept_pack,
    require_pack,
    require_same_pack,
)
from workers.models.packs.open import open_pack
from workers.models.packs.variants import split_name
from workers.runtime.exclusive import SharedExclusiveLock
from workers.runtime.fenced_store import FencedStore


@dataclass
class Context:
    """A worker process: its settings, and the packs it has loaded, each on first use."""

    settings: Settings
    s3: S3Settings
    worker: str
    leave_at: float | None = None
    """The time.monotonic at which a process that was told to stop leaves its units."""
    exclusive: SharedExclusiveLock = field(default_factory=SharedExclusiveLock)
    """The lock that units hold while they are worked on."""
    _packs: dict[str, ModelPack] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pack(self, name: str) -> ModelPack:
        """The model pack ``name``, loaded once per process."""
        with self._lock:
            if name not in self._packs:
                if "/" in name and name != self.settings.model:
                    self._require_allowed(split_name(name)[0])
                self._packs[name] = self._open_pack(name)
            return self._packs[name]

    def _open_pack(self, name: str) -> ModelPack:
        """Open a model pack. Raises WorkerUnfit: it may lie on another worker's machine.

        Raises UnknownPack for a name that no worker knows: the job is at fault.
        """
        try:
            return open_pack(name, self.settings, self.s3)
        except UnknownPack:
            raise
        except (FatalError, ObjectError) as error:
            raise WorkerUnfit(str(error), "pack") from error

    def drain(self) -> None:
        """Prepare the process to stop: units not finished within drain_seconds are released."""
        self.leave_at = time.monotonic() + self.settings.drain_seconds

    def open(self, uri: str) -> Store:
        """A store, with connections enough for this worker's fetchers.

        Raises WorkerUnfit for a place that this worker may not use.
        """
        self._require_allowed(uri)
        return open_store(uri, self.s3, concurrency=self.settings.fetchers)

    def _require_allowed(self, uri: str) -> None:
        """Raise WorkerUnfit for a place outside HEADCOUNT_ALLOWED_URIS."""
        if not is_within(uri, self.s3.allowed_uris):
            raise WorkerUnfit(
                f"{uri} is outside {ALLOWED}: HEADCOUNT_ALLOWED_URIS of this worker lists them",
                "place",
            )


class UnitReleased(Exception):
    """The unit is left as if it had never begun: its job stands still, or the worker ends.

    Not an error: no marker names what was staged, and another attempt does it all.
    """


@dataclass
class Unit:
    """One unit of work of one job."""

    context: Context
    store: Store
    job_id: str
    name: str
    attempt: int = 0
    photos: int = 0
    """Photos done so far, which the heartbeat reports."""
    stop_requested: threading.Event = field(default_factory=threading.Event)
    """Set when the unit is to be released at the next photo: see UnitReleased."""
    in_hand: dict[int, tuple[str, float]] = field(default_factory=dict)
    """The photo that each thread is at, and the time.monotonic since when."""
    began_with: frozenset[tuple[str, str]] | None = None
    """The tombstones when the unit began."""

    @classmethod
    def of(cls, message: UnitMessage, context: Context) -> Unit:
        """The unit that a message names."""
        return cls(context, context.open(message.archive), message.job_id, message.unit)

    @classmethod
    def accepted(cls, message: UnitMessage, context: Context) -> Unit:
        """Like ``of``, once the job's spec was read. Raises WorkerUnfit where that is not to be."""
        try:
            unit = cls.of(message, context)
            _ = unit.spec
        except WorkerUnfit:
            raise
        except (FatalError, ObjectError) as error:
            raise WorkerUnfit(str(error)) from error
        return unit

    def done(self, **report: Any) -> DoneMarker:
        """The unit's done marker, with its report and this build's reading."""
        who = {"unit": self.name, "attempt": self.attempt, "worker": self.context.worker}
        return DoneMarker(**who, reading=reading.READING, **report)

    @property
    def number(self) -> int:
        """The number in the unit's name."""
        return int(self.name.rsplit("-", 1)[1])

    def count_photo(self) -> None:
        """Count one more photo, which shows that the unit makes progress."""
        self.photos += 1

    @contextmanager
    def at_photo(self, key: str) -> Iterator[None]:
        """Note that this thread is at a photo."""
        thread = threading.get_ident()
        self.in_hand[thread] = (key, time.monotonic())
        try:
            yield
        finally:
            del self.in_hand[thread]

    def longest_in_hand(self) -> tuple[str, float] | None:
        """The photo that some thread has been at for longest, and for how many seconds."""
        began = min(list(self.in_hand.values()), key=lambda item: item[1], default=None)
        return None if began is None else (began[0], time.monotonic() - began[1])

    def raise_if_stopped(self) -> None:
        """Raise UnitReleased where the unit is to be released; called between two photos."""
        if self.stop_requested.is_set():
            raise UnitReleased

    def confirm(self) -> None:
        """Raise UnitReleased where the unit may write nothing any more; called before each write.

        It may not where its job was cancelled, another attempt has done it, or a person is being
        forgotten or was since it began: the rows that it read may be theirs.
        """
        flag = control.stopped(self.store, self.job_id)
        if (
            (flag is not None and flag.state == "cancelled")
            or find_record(self.store, self.keys.done(self.name), DoneMarker)
            or forgotten.under_way(self.store)
            or self.began_with not in (None, forgotten.tombstones(self.store))
        ):
            raise UnitReleased

    @cached_property
    def fenced(self) -> Store:
        """The archive, with each write confirmed first: see confirm."""
        return FencedStore(self.confirm, self.store)

    @property
    def keys(self) -> JobKeys:
        """The keys of the job's objects."""
        return JobKeys(self.job_id)

    @cached_property
    def spec(self) -> JobSpec:
        """The job's spec."""
        try:
            return read_record(self.store, self.keys.spec, JobSpec)
        except ObjectMissing as error:
            raise WorkerUnfit(
                f"there is no job {self.job_id} in {self.store.uri}: does this worker reach the "
                "same storage as the one who submitted it?"
            ) from error

    @cached_property
    def pack(self) -> ModelPack:
        """The job's model pack. Raises FatalError where the archive was made with another.

        A job that is to embed with its pack beside that one may.
        """
        pack = self.context.pack(self.spec.model)
        if self.spec.rematch:
            require_pack(pack, self.record)
        elif not self.spec.beside:
            require_same_pack(self.store, pack, otherwise=BOTH_PACKS)
        return pack

    @cached_property
    def record(self) -> PackRecord:
        """The record of the job's pack; the reduce stage and a rematch load no model for it."""
        if reduces(self.name) or self.spec.rematch:
            prepared = find_record(self.store, self.keys.done(PREPARE), DoneMarker)
            if prepared is not None and prepared.pack is not None:
                return prepared.pack
        if self.spec.rematch:
            return kept_pack(self.store, self.spec.rematch, collection_id(self.spec.photos or ""))
        return self.pack.record

    @cached_property
    def figures(self) -> PackRecord:
        """The pack's record, with the thresholds measured on this archive, if they were kept."""
        return figures_in_use(self.store, self.pack_keys, self.record)

    @cached_property
    def collection(self) -> Reader:
        """The job's photos."""
        return open_collection(
            self.spec.photos or "",
            self.context.s3,
            indexes=self.store,
            archives=self.spec.archives,
            concurrency=self.context.settings.fetchers,
        )

    @property
    def pack_keys(self) -> PackKeys:
        """The keys of the pack's tables."""
        return PackKeys(self.record.pack_id)
