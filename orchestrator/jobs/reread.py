"""Rereading: known photos of an older reading, in the order of what a newer one may gain.

The photos stream by once, in the order of their keys. Those to be read anew wait in temporary
files, one for each class.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from itertools import chain, islice
from typing import IO, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.assignments.history import holder_of, latest_job
from headcount.collections.photos import collection_id
from headcount.collections.ranges import RangeFile
from headcount.contract import reading
from headcount.contract.layout import PREPARE, JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.contract.stored.jobs import DoneMarker, JobRequest, JobSpec
from headcount.contract.vocabulary import Decision, Outcome
from headcount.errors import ObjectChanged, ObjectMissing, TransientError
from headcount.settings import PROFILES, ProfileName
from headcount.storage import ObjectInfo, Store
from orchestrator.jobs.compare import Known

IN_MEMORY = 1 << 20
"""Bytes of each class that are held in memory; more go to a file."""
NAMED = pa.array([Decision.MATCHED.value, Decision.INFERRED.value])
"""Decisions that give a face a name."""


class Gain(StrEnum):
    """The classes of photos by what a newer reading may gain, the most first."""

    NO_FACE = "no_face"
    FAILED = "failed"
    UNNAMED = "unnamed"
    REST = "rest"


class Rereading:
    """The known photos of an older reading: counts by class, and those to be read anew.

    ``reading`` and ``profile`` are those of the job. ``named`` are the photos in which a face has
    a name, in the order of their keys; ``limit`` is the number of photos to be read anew, at most.
    Photos that were searched more thoroughly than the job searches are in no class: read anew they
    would lose faces.
    """

    def __init__(
        self, reading: int, profile: ProfileName, named: Iterator[str], limit: int
    ) -> None:
        self.older = 0
        self.classes = dict.fromkeys(Gain, 0)
        self._reading = reading
        self._profile = profile
        self._named = named
        self._at: str | None = ""
        self._limit = limit
        self._files = ExitStack()
        self._waiting: dict[Gain, IO[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def offer(self, known: Known) -> None:
        """Take the next known photo into account."""
        if known.reading >= self._reading:
            return
        self.older += 1
        if known.profile and PROFILES.index(known.profile) > PROFILES.index(self._profile):
            return
        gain, info = self._gain(known), known.info
        self.classes[gain] += 1
        if self.classes[gain] <= self._limit:
            row = json.dumps([info.key, info.etag, info.size, info.taken])
            self._file(gain).write(row.encode() + b"\n")

    def chosen(self) -> Iterator[ObjectInfo]:
        """Yield the photos to be read anew, once all were offered: by class, then by key."""
        files = [self._waiting[gain] for gain in Gain if gain in self._waiting]
        for file in files:
            file.seek(0)
        for row in islice(chain.from_iterable(files), self._limit):
            yield ObjectInfo(*json.loads(row))

    def chosen_by_class(self) -> dict[str, int]:
        """The number of photos to be read anew of each class."""
        left, found = self._limit, {}
        for gain, count in self.classes.items():
            found[gain.value] = min(count, left)
            left -= found[gain.value]
        return found

    def _gain(self, known: Known) -> Gain:
        photo = known.info.key
        if known.outcome is Outcome.NO_FACE:
            return Gain.NO_FACE
        if not known.outcome.processed:
            return Gain.FAILED
        while self._at is not None and self._at < photo:
            self._at = next(self._named, None)
        return Gain.REST if self._at == photo else Gain.UNNAMED

    def _file(self, gain: Gain) -> IO[bytes]:
        if gain not in self._waiting:
            file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it is, here
            self._waiting[gain] = self._files.enter_context(file)
        return self._waiting[gain]


def rereading(
    store: Store, spec: JobSpec, pack_id: str | None, *, survey: bool = False
) -> Rereading:
    """Rereading of a job, to be filled by its planning.

    A retry reads nothing else anew, and neither does a first look.

    Names are looked up where photos are to be read anew, or for a ``survey`` of the classes.
    """
    wanted = None if spec.retries or (spec.first and not survey) else spec.reread
    limit = sys.maxsize if wanted == "all" else wanted or 0
    if limit and pack_id and not can_follow(store, spec, pack_id):
        limit = 0
    named = named_photos(store, spec, pack_id) if pack_id and (limit or survey) else iter(())
    return Rereading(reading_of(store, spec), spec.profile, named, limit)


def can_follow(store: Store, spec: JobRequest, pack_id: str) -> bool:
    """Whether the latest job's version of the tables is there, by which faces are followed.

    A `forget` takes it away. The next job commits a new one, and the job after it rereads.
    """
    latest = latest_job(store, PackKeys(pack_id), collection_id(spec.photos or ""))
    return latest is None or find_record(store, JobKeys(latest).commit, CommitRecord) is not None


def reading_of(store: Store, spec: JobSpec) -> int:
    """Reading of a job: that of the worker of its first unit, else that of this build."""
    prepared = find_record(store, JobKeys(spec.job_id).done(PREPARE), DoneMarker)
    return reading.READING if prepared is None else prepared.reading


def named_photos(store: Store, spec: JobRequest, pack_id: str) -> Iterator[str]:
    """Yield the photos in which the collection's latest job gave a face a name, by key.

    A job's assignments are written in the order of the photos. Raises TransientError where they
    are replaced meanwhile.
    """
    keys, collection = PackKeys(pack_id), collection_id(spec.photos or "")
    job_id = latest_job(store, keys, collection)
    if job_id is None:
        return
    try:
        holder = holder_of(store, keys, collection, job_id)
        info = store.stat(keys.assignments(collection, holder))
        file = pa.PythonFile(RangeFile(store, info), mode="r")
        with pq.ParquetFile(file, pre_buffer=False, buffer_size=IN_MEMORY) as table:
            for batch in table.iter_batches(columns=["photo", "decision"], use_threads=False):
                named = batch.filter(pc.is_in(batch["decision"], value_set=NAMED))
                yield from named["photo"].unique().to_pylist()
    except (ObjectMissing, ObjectChanged) as error:
        raise TransientError(f"the faces of job {job_id} changed while it was read") from error
