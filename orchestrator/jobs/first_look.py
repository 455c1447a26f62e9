"""A first look: photos drawn at random over the whole listing, before the rest is paid for."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

import pyarrow as pa

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.jobs import FinishedRecord, FirstLookRecord, JobSpec
from headcount.rosters.scopes import Kind, resolve
from headcount.rosters.source import fetch_roster
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import ObjectInfo, Store, open_store
from orchestrator.archive.catalogue import job_ids, rollback_since
from orchestrator.jobs.submit import same_request, spec_of, submit

T = TypeVar("T")
S = TypeVar("S")
KEYS_AT_ONCE = 1 << 16
"""Keys that are held against a roster's scopes at a time."""


class Reservoir(Generic[T]):
    """Uniform random sample of at most ``size`` items of a stream; the same for the same stream.

    Vitter's algorithm R (ACM TOMS 11, 1985). Another ``seed`` gives another sample.
    """

    def __init__(self, size: int, seed: str | int = 0) -> None:
        self._size = size
        self._random = random.Random(seed)  # noqa: S311 - a sample, not a secret
        self.seen = 0
        self.items: list[T] = []

    def offer(self, item: T) -> None:
        """Take the next item of the stream into account."""
        self.seen += 1
        if len(self.items) < self._size:
            self.items.append(item)
            return
        place = self._random.randrange(self.seen)
        if place < self._size:
            self.items[place] = item


def draw(
    store: Store, spec: JobSpec, s3: S3Settings, photos: Iterable[tuple[S, ObjectInfo]]
) -> Iterator[tuple[S, ObjectInfo]]:
    """Draw the job's first look over all photos of the listing, and keep which these are.

    ``photos`` are gone through once, each with its state; those drawn come back in key order. The
    job's id settles the draw: the same listing gives the same photos.
    """
    chosen: Reservoir[tuple[S, ObjectInfo]] = Reservoir(spec.first or 0, spec.job_id)
    scopes = _scope_sizes(spec, s3, _offered(photos, chosen))
    drawn = sorted(chosen.items, key=lambda item: item[1].key)
    record = FirstLookRecord(
        photos=tuple(info.key for _, info in drawn), total=chosen.seen, scopes=scopes
    )
    store.put(JobKeys(spec.job_id).first_look, record.to_bytes())
    return iter(drawn)


def _offered(
    photos: Iterable[tuple[S, ObjectInfo]], chosen: Reservoir[tuple[S, ObjectInfo]]
) -> Iterator[str]:
    """Yield the keys of photos, each of which is offered to the sample."""
    for item in photos:
        chosen.offer(item)
        yield item[1].key


def _scope_sizes(spec: JobSpec, s3: S3Settings, keys: Iterator[str]) -> dict[str, int]:
    """Photos in each scope of the job's roster that is not one photo; goes through all ``keys``."""
    if spec.expected is None:
        for _ in keys:
            pass
        return {}
    lines = fetch_roster(spec.expected, lambda uri: open_store(uri, s3)).lines
    found = resolve(lines, lambda: _arrays(keys))
    wide = (scope for scope in found.values() if scope.kind is not Kind.PHOTO or not scope.photos)
    return {scope.text: scope.photos for scope in wide}


def _arrays(keys: Iterator[str]) -> Iterator[pa.Array]:
    while some := list(islice(keys, KEYS_AT_ONCE)):
        yield pa.array(some, pa.string())


def keep_first_look(store: Store, spec: JobSpec, earlier: JobSpec, s3: S3Settings) -> None:
    """Keep the photos of an ``earlier`` first look as those of a job that draws none.

    Scopes that only this job's roster has count as drawn in part: nothing is listed anew.
    """
    drawn = read_record(store, JobKeys(earlier.job_id).first_look, FirstLookRecord)
    keys = pa.array(drawn.photos, pa.string())
    scopes = dict.fromkeys(_scope_sizes(spec, s3, iter(keys.to_pylist())), drawn.total)
    record = drawn.model_copy(update={"scopes": scopes | drawn.scopes})
    store.put(JobKeys(spec.job_id).first_look, record.to_bytes())


def ended_first_look(store: Store, spec: JobSpec) -> bool:
    """Whether a job is a first look that is done."""
    if spec.first is None:
        return False
    finished = find_record(store, JobKeys(spec.job_id).finished, FinishedRecord)
    return finished is not None and finished.state == "done"


def go_on_with_all(store: Store, spec: JobSpec, settings: Settings, s3: S3Settings) -> JobSpec:
    """Job over all photos with the request of a first look: the one there is, else a new one."""
    whole = _whole(spec, settings)
    for job_id in reversed(job_ids(store)):
        other = find_record(store, JobKeys(job_id).spec, JobSpec)
        if other is None or other.created <= spec.created or not _continues(other, whole):
            continue
        if not rollback_since(store, other):
            return other
    submit(whole, s3)
    return whole


def _whole(spec: JobSpec, settings: Settings) -> JobSpec:
    """Spec of a new job over all photos; a place in the first look's folder becomes its own."""
    own = spec.archive + JobKeys(spec.job_id).results
    request = spec.model_copy(update={"first": None})
    made = spec_of(request, None if spec.out == own else spec.out, settings)
    return made.model_copy(update={"limits": spec.limits})


def _continues(other: JobSpec, whole: JobSpec) -> bool:
    """Whether a job has the request of ``whole``, and its results where that one's would lie."""
    own = other.archive + JobKeys(other.job_id).results
    defaulted = whole.out == whole.archive + JobKeys(whole.job_id).results
    return same_request(other.model_copy(update={"out": whole.out}), whole) and (
        other.out == (own if defaulted else whole.out)
    )
