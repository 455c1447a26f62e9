"""The embed stage: a shard's photos fetched, decoded, detected, embedded, and staged as rows.

A photo that cannot be processed becomes an outcome with a reason; it never fails its shard.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from headcount import attempts
from headcount.errors import ObjectError, PhotoError, TransientError
from headcount.messages import (
    DoneMarker,
    ManifestPhoto,
    ShardManifest,
    SuspectRecord,
    read_record,
)
from headcount.photos import collection_id
from headcount.records import Outcome, Photo
from headcount.storage import Blob
from headcount.storage.base import Reader
from workers.align import SIZE
from workers.analyse import Analysis, analyse
from workers.context import Unit
from workers.pools import ordered_map
from workers.rows import face_rows, photo_rows

ANALYSING = ("decode", "detect", "align", "embed")
"""The stages of a photo that an analysing thread goes through."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo's bytes, or why they could not be had."""

    photo: ManifestPhoto
    blob: Blob | None
    error: PhotoError | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """A photo, its faces where it has any, and where the time went."""

    photo: Photo
    analysis: Analysis | None
    seconds: dict[str, float] = field(default_factory=dict)


def embed_shard(unit: Unit) -> DoneMarker:
    """Process one shard and stage its rows."""
    began = time.monotonic()
    manifest = read_record(unit.store, unit.keys.shard(unit.name), ShardManifest)
    pack = unit.pack
    photos, analyses, stages = _collect(unit, _process(unit, manifest.photos))
    stages["wait"] = idle(stages, time.monotonic() - began, _threads(unit))
    collection = collection_id(unit.spec.photos or "")
    write_began = time.monotonic()
    photo_fragments = unit.table(unit.pack_keys.photos).stage(
        photo_rows(photos, collection, unit.spec)
    )
    face_fragments = unit.table(unit.pack_keys.faces).stage(
        face_rows(zip(photos, analyses, strict=True), pack.record, collection, unit.spec)
    )
    stages["write"] = time.monotonic() - write_began
    return DoneMarker(
        unit=unit.name,
        attempt=unit.attempt,
        worker=unit.context.worker,
        seconds=time.monotonic() - began,
        photos=len(photos),
        faces=sum(photo.faces for photo in photos),
        bytes=sum(photo.size for photo in photos),
        outcomes=dict(Counter(photo.outcome.value for photo in photos)),
        stages=dict(stages),
        photo_fragments=photo_fragments,
        face_fragments=face_fragments,
    )


def _collect(
    unit: Unit, stream: Iterable[Done]
) -> tuple[list[Photo], list[Analysis | None], defaultdict[str, float]]:
    photos: list[Photo] = []
    analyses: list[Analysis | None] = []
    stages: defaultdict[str, float] = defaultdict(float)
    for done in stream:
        photos.append(done.photo)
        analyses.append(done.analysis)
        for stage, seconds in done.seconds.items():
            stages[stage] += seconds
        unit.photos += 1
        unit.require_wanted()
    return photos, analyses, stages


def _threads(unit: Unit) -> int:
    """How many threads analyse photos in this attempt."""
    careful = unit.attempt >= attempts.CAREFUL_FROM
    return 1 if careful else unit.context.settings.threads


def idle(stages: Mapping[str, float], elapsed: float, threads: int) -> float:
    """Seconds for which analysing threads had no photo, of ``threads`` over ``elapsed`` seconds.

    Fetching goes on beside them: where it is slow, this is what grows.
    """
    busy = sum(stages.get(stage, 0.0) for stage in ANALYSING)
    return max(0.0, threads * elapsed - busy)


def _process(unit: Unit, photos: Iterable[ManifestPhoto]) -> Iterator[Done]:
    if unit.attempt >= attempts.CAREFUL_FROM:
        yield from _one_by_one(unit, photos)
        return
    collection = unit.collection
    settings = unit.context.settings
    with (
        ThreadPoolExecutor(settings.fetchers, "fetch") as fetchers,
        ThreadPoolExecutor(settings.threads, "embed") as threads,
    ):
        fetched = ordered_map(
            fetchers, lambda photo: _fetch(unit, collection, photo), photos, ahead=settings.fetchers
        )
        yield from ordered_map(
            threads, lambda item: _embed(unit, item), fetched, ahead=2 * settings.threads
        )


def _one_by_one(unit: Unit, photos: Iterable[ManifestPhoto]) -> Iterator[Done]:
    """The careful mode: earlier attempts died, so each photo is named before it is touched."""
    collection = unit.collection
    killers = attempts.convicted(unit.store, unit.keys, unit.name, unit.attempt - 1)
    for photo in photos:
        if photo.key in killers:
            reason = "the process that worked on it died, twice"
            yield Done(_failed(photo, None, PhotoError(Outcome.CRASHED, reason)), None)
            continue
        suspect = SuspectRecord(photo=photo.key)
        unit.store.put(unit.keys.suspect(unit.name, unit.attempt), suspect.to_bytes())
        fetched = _fetch(unit, collection, photo)
        try:
            yield _embed(unit, fetched)
        except TransientError as error:
            _require_working_models(unit)
            yield Done(_failed(photo, fetched.blob, PhotoError(Outcome.CRASHED, str(error))), None)


def _require_working_models(unit: Unit) -> None:
    """Raise TransientError unless the models run on a picture that is nobody's fault."""
    grey = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    unit.pack.detector.look(grey[0])
    unit.pack.recogniser.embed(grey)


def _fetch(unit: Unit, collection: Reader, photo: ManifestPhoto) -> Fetched:
    began = time.monotonic()
    blob, error = None, None
    try:
        blob = collection.get(photo.key, limit=unit.spec.limits.max_bytes)
    except ObjectError as failure:
        error = failure.as_photo_error()
    return Fetched(photo, blob, error, time.monotonic() - began)


def _embed(unit: Unit, fetched: Fetched) -> Done:
    seconds = {"fetch": fetched.seconds}
    if fetched.blob is None:
        error = fetched.error or PhotoError(Outcome.UNREADABLE, "no bytes")
        return Done(_failed(fetched.photo, None, error), None, seconds)
    try:
        analysis = analyse(
            fetched.blob.data,
            unit.pack,
            max_pixels=unit.spec.limits.max_pixels,
            profile=unit.spec.profile,
        )
    except PhotoError as error:
        return Done(_failed(fetched.photo, fetched.blob, error), None, seconds)
    return Done(_photo(fetched.photo, fetched.blob, analysis), analysis, seconds | analysis.seconds)


def _photo(photo: ManifestPhoto, blob: Blob, analysis: Analysis) -> Photo:
    faces = len(analysis)
    return Photo(
        key=photo.key,
        etag=blob.etag,
        size=len(blob.data),
        outcome=Outcome.FACES if faces else Outcome.NO_FACE,
        width=analysis.width,
        height=analysis.height,
        orientation=analysis.orientation,
        faces=faces,
        content=content_digest(blob),
    )


def _failed(photo: ManifestPhoto, blob: Blob | None, error: PhotoError) -> Photo:
    return Photo(
        key=photo.key,
        etag=blob.etag if blob else photo.etag,
        size=len(blob.data) if blob else photo.size,
        outcome=error.outcome,
        reason=error.reason,
        content=content_digest(blob) if blob else "",
    )


def content_digest(blob: Blob) -> str:
    """The SHA-256 of a photo's bytes."""
    return hashlib.sha256(blob.data).hexdigest()
