"""What a unit of work needs around it: its job, its stores, the models of this process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from headcount.collections import open_collection
from headcount.collections.photos import collection_id
from headcount.contract import forgotten
from headcount.contract.layout import ARCHIVE, PREPARE, JobKeys, PackKeys, reduces
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import ArchiveRecord, CalibrationRecord, PackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.errors import FatalError, ObjectMissing
from headcount.jobs import control
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.storage.base import Reader
from headcount.storage.uris import is_within
from headcount.tables.filters import in_collection
from headcount.tables.table import Table, tables_of
from workers.models.base import ModelPack
from workers.models.packs.open import open_pack
from workers.models.packs.variants import split_name
from workers.runtime.exclusive import SharedExclusiveLock
from workers.runtime.fenced_store import FencedStore


@dataclass
class Context:
    """One worker process: its settings, and the packs it has loaded, each on first use."""

    settings: Settings
    s3: S3Settings
    worker: str
    leave_at: float | None = None
    """When to leave the unit in hand, by time.monotonic: the process was told to stop."""
    room: SharedExclusiveLock = field(default_factory=SharedExclusiveLock)
    """For the units in hand."""
    _packs: dict[str, ModelPack] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pack(self, name: str) -> ModelPack:
        """The model pack ``name``, loaded once per process."""
        with self._lock:
            if name not in self._packs:
                if "/" in name and name != self.settings.model:
                    self._require_allowed(split_name(name)[0])
                self._packs[name] = open_pack(name, self.settings, self.s3)
            return self._packs[name]

    def drain(self) -> None:
        """The process is to stop: what is not finished soon is handed back."""
        self.leave_at = time.monotonic() + self.settings.drain_seconds

    def open(self, uri: str) -> Store:
        """A store, with connections enough for this worker's fetchers.

        Raises FatalError for a place outside those that this worker may use.
        """
        self._require_allowed(uri)
        return open_store(uri, self.s3, concurrency=self.settings.fetchers)

    def _require_allowed(self, uri: str) -> None:
        """A message and a job's spec name places; HEADCOUNT_ALLOWED_URIS bounds them."""
        if not is_within(uri, self.settings.allowed_uris):
            raise FatalError(
                f"{uri} is outside the places that this worker may use: HEADCOUNT_ALLOWED_URIS "
                "lists them"
            )


class UnitReleased(Exception):
    """The unit in hand is left as if it had never begun: its job stands still, or the worker ends.

    Not an error: what was staged is named by no marker, and another attempt does it all.
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
    """Photos done so far: what the sign of life tells."""
    given_up: threading.Event = field(default_factory=threading.Event)
    """Set when the unit is to be left at the next photo: see UnitReleased."""
    began_with: frozenset[tuple[str, str]] | None = None
    """The tombstones that there were when the unit began."""

    @classmethod
    def of(cls, message: UnitMessage, context: Context) -> Unit:
        """The unit that a message names."""
        return cls(context, context.open(message.archive), message.job_id, message.unit)

    def done(self, **report: Any) -> DoneMarker:
        """The unit's marker, with what it has to report."""
        who = {"unit": self.name, "attempt": self.attempt, "worker": self.context.worker}
        return DoneMarker(**who, **report)

    @property
    def number(self) -> int:
        """The number in the unit's name."""
        return int(self.name.rsplit("-", 1)[1])

    def raise_if_stopped(self) -> None:
        """Raise UnitReleased where this unit is to be left; asked between two photos."""
        if self.given_up.is_set():
            raise UnitReleased

    def confirm(self) -> None:
        """Raise UnitReleased where this unit may write nothing any more: asked before each write.

        That is where its job was cancelled, another attempt has done it, or somebody is being
        forgotten or was since it began: what it read may name them.
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
    def kept(self) -> Store:
        """The archive, written to only while what the unit has to say still holds: see confirm."""
        return FencedStore(self.confirm, self.store)

    @property
    def keys(self) -> JobKeys:
        """Where the job's objects lie."""
        return JobKeys(self.job_id)

    @cached_property
    def spec(self) -> JobSpec:
        """The job's spec."""
        try:
            return read_record(self.store, self.keys.spec, JobSpec)
        except ObjectMissing as error:
            raise FatalError(
                f"there is no job {self.job_id} in {self.store.uri}: does this worker reach the "
                "same storage as the one who submitted it?"
            ) from error

    @cached_property
    def pack(self) -> ModelPack:
        """The job's model pack. Raises FatalError where the archive goes by another.

        Unless the job is to embed with it beside that one.
        """
        pack = self.context.pack(self.spec.model)
        if not self.spec.beside:
            require_same_pack(self.store, pack, otherwise=BOTH_PACKS)
        return pack

    @cached_property
    def record(self) -> PackRecord:
        """The record of the job's pack. The reduce stage loads no model for it."""
        if reduces(self.name):
            prepared = find_record(self.store, self.keys.done(PREPARE), DoneMarker)
            if prepared is not None and prepared.pack is not None:
                return prepared.pack
        return self.pack.record

    @cached_property
    def figures(self) -> PackRecord:
        """The pack's record, with the thresholds measured on this archive where they are kept."""
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
    def collection_id(self) -> str:
        """The id of the job's collection in the archive's tables."""
        return collection_id(self.spec.photos or "")

    @property
    def of_collection(self) -> str:
        """A filter of these tables: the row is of the job's collection."""
        return in_collection(self.collection_id)

    @property
    def pack_keys(self) -> PackKeys:
        """Where the pack's tables lie."""
        return PackKeys(self.record.pack_id)

    def table(self, key: str) -> Table:
        """A table of the archive."""
        return Table(self.store.uri, key, self.context.s3)

    def grow_tables(self) -> None:
        """Let an earlier build's tables take the rows of this one, before anything is embedded.

        Raises FatalError where they cannot.
        """
        record, s3 = self.record, self.context.s3
        for table, schema, later in tables_of(
            self.store.uri, self.pack_keys, record.dimensions, s3
        ):
            table.grow(schema, later=later)


def figures_in_use(store: Store, keys: PackKeys, record: PackRecord) -> PackRecord:
    """A pack's record, with the thresholds measured on an archive where they are kept."""
    kept = find_record(store, keys.calibration, CalibrationRecord)
    return record if kept is None else kept.applied(record)


BOTH_PACKS = "--beside to embed with both, "
"""What a job may do about another pack; who only searches can't."""


def require_same_pack(store: Store, pack: ModelPack, *, otherwise: str = "") -> None:
    """Raise FatalError unless the archive was made with this very pack.

    ``otherwise`` is what else may be done about it.
    """
    made_with = read_record(store, ARCHIVE, ArchiveRecord).model
    if made_with.pack_id != pack.record.pack_id:
        raise FatalError(
            f"the archive {store.uri} was made with the model pack {made_with.name} "
            f"({made_with.pack_id}), and this run uses {pack.record.name} "
            f"({pack.record.pack_id}). Embeddings of different packs cannot be compared: "
            f"use --model {made_with.name} with the same model files, {otherwise}or another archive"
        )
