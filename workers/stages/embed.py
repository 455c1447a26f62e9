"""The embed stage: a shard's photos fetched, decoded, detected, embedded, and staged as rows.

A photo that cannot be processed becomes an outcome with a reason; it never fails its shard.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pyarrow as pa

from headcount.contract import reading
from headcount.contract.frames import Frame
from headcount.contract.newest_reading import require_no_newer_reading
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, ManifestPhoto, ShardManifest, SuspectRecord
from headcount.contract.vocabulary import Outcome, Photo
from headcount.errors import ObjectError, PhotoError, TransientError
from headcount.jobs import attempts
from headcount.regions.carried import without_people
from headcount.settings import ProfileName
from headcount.storage import Blob
from headcount.storage.base import Reader
from workers.faces.analysis import Analysis, analyse
from workers.images.align import SIZE
from workers.images.metadata import read_metadata
from workers.people.forgotten_faces import without_forgotten
from workers.runtime.threads import ordered_map
from workers.runtime.unit import Unit
from workers.stages.duplicates import Duplicate, as_photo, copied_faces
from workers.stages.job_tables import job_tables
from workers.stages.kept import keep_known
from workers.stages.known import Known, read_known
from workers.stages.new_reading import begin_reading
from workers.stages.seen import require_seen
from workers.tables.rows import face_rows, photo_rows

ANALYSING = ("decode", "detect", "align", "embed")
"""The stages of a photo that an analysing thread goes through."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo's bytes and their SHA-256, or the error in fetching them."""

    photo: ManifestPhoto
    blob: Blob | None
    content: str
    error: PhotoError | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """A photo that was processed, its analysis if it has one, and seconds per stage."""

    photo: Photo
    analysis: Analysis | None
    seconds: dict[str, float] = field(default_factory=dict)
    duplicate: Duplicate | None = None
    """The photo of equal content whose rows are copied."""


@dataclass(slots=True)
class Shard:
    """A shard's processed photos and their analyses, in one order, and seconds per stage."""

    photos: list[Photo] = field(default_factory=list)
    analyses: list[Analysis | None] = field(default_factory=list)
    profiles: list[ProfileName] = field(default_factory=list)
    copies: list[tuple[Photo, Duplicate]] = field(default_factory=list)
    stages: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def without(self, kept: frozenset[str]) -> Shard:
        """The shard without photos of which no row is made; they have neither faces nor copies."""
        rows = [row for row, photo in enumerate(self.photos) if photo.key not in kept]
        return replace(
            self,
            photos=[self.photos[row] for row in rows],
            analyses=[self.analyses[row] for row in rows],
            profiles=[self.profiles[row] for row in rows],
        )


def embed_shard(unit: Unit) -> DoneMarker:
    """Process the photos of one shard and stage their rows.

    Raises FatalError where the archive has a newer reading than this worker's build, or where this
    worker does not see the photos.
    """
    began = time.monotonic()
    require_no_newer_reading(unit.store, unit.pack_keys)
    require_seen(unit)
    manifest = read_record(unit.store, unit.keys.shard(unit.name), ShardManifest)
    job_tables(unit).grow(unit.record.dimensions)
    begin_reading(unit)
    known = read_known(unit, manifest)
    shard = _collect(unit, _process(unit, manifest.photos, known), known.profile)
    stages, photos = shard.stages, shard.photos
    stages["wait"] = idle(stages, time.monotonic() - began, _threads(unit))
    write_began = time.monotonic()
    kept = keep_known(job_tables(unit), photos)
    photo_fragments, face_fragments = _stage(unit, shard.without(kept), known.profile)
    stages["write"] = time.monotonic() - write_began
    return unit.done(
        seconds=time.monotonic() - began,
        photos=len(photos),
        faces=sum(photo.faces for photo in photos),
        bytes=sum(photo.size for photo in photos),
        outcomes=dict(Counter(photo.outcome.value for photo in photos)),
        stages=dict(stages),
        photo_fragments=photo_fragments,
        face_fragments=face_fragments,
        counts={"copied": len(shard.copies), "kept": len(kept)},
        kept=tuple(sorted(kept)),
    )


def _stage(
    unit: Unit, shard: Shard, profile: ProfileName
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write the shard's rows where no reader sees them yet; gives the fragments of both tables."""
    tables, record = job_tables(unit), unit.pack.record
    collection, spec = tables.collection, unit.spec.model_copy(update={"profile": profile})
    photo_table = photo_rows(shard.photos, collection, spec, shard.profiles)
    found = face_rows(zip(shard.photos, shard.analyses, strict=True), record, collection, spec)
    copied = copied_faces(tables.faces, shard.copies, collection, spec, width=record.dimensions)
    return (
        tables.photos.stage(photo_table),
        tables.faces.stage(pa.concat_tables([found, copied])),
    )


def _collect(unit: Unit, stream: Iterable[Done], profile: ProfileName) -> Shard:
    shard = Shard()
    for done in stream:
        shard.photos.append(done.photo)
        shard.analyses.append(done.analysis)
        shard.profiles.append(done.duplicate.profile if done.duplicate else profile)
        if done.duplicate is not None:
            shard.copies.append((done.photo, done.duplicate))
        for stage, seconds in done.seconds.items():
            shard.stages[stage] += seconds
        unit.photos += 1
        unit.raise_if_stopped()
    return shard


def _threads(unit: Unit) -> int:
    """Number of threads that analyse photos in this attempt."""
    careful = unit.attempt >= attempts.CAREFUL_FROM
    return 1 if careful else unit.context.settings.threads


def idle(stages: Mapping[str, float], elapsed: float, threads: int) -> float:
    """Seconds for which analysing threads had no photo, of ``threads`` over ``elapsed`` seconds.

    Fetching goes on beside them: where it is slow, this is what grows.
    """
    busy = sum(stages.get(stage, 0.0) for stage in ANALYSING)
    return max(0.0, threads * elapsed - busy)


def _process(unit: Unit, photos: Iterable[ManifestPhoto], known: Known) -> Iterator[Done]:
    if unit.attempt >= attempts.CAREFUL_FROM:
        yield from _one_by_one(unit, photos, known)
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
            threads, lambda item: _embed(unit, item, known), fetched, ahead=2 * settings.threads
        )


def _one_by_one(unit: Unit, photos: Iterable[ManifestPhoto], known: Known) -> Iterator[Done]:
    """Process photos in the careful mode: each is recorded as suspect before it is touched.

    Earlier attempts at the shard died.
    """
    collection = unit.collection
    killers = attempts.convicted(unit.store, unit.keys, unit.name, unit.attempt - 1)
    for photo in photos:
        if photo.key in killers:
            reason = "the process that worked on it died, twice"
            yield Done(_unread(photo, PhotoError(Outcome.CRASHED, reason)), None)
            continue
        suspect = SuspectRecord(photo=photo.key)
        unit.store.put(unit.keys.suspect(unit.name, unit.attempt), suspect.to_bytes())
        fetched = _fetch(unit, collection, photo)
        try:
            yield _embed(unit, fetched, known)
        except TransientError as error:
            _require_working_models(unit)
            yield Done(_failed(fetched, PhotoError(Outcome.CRASHED, str(error))), None)


def _require_working_models(unit: Unit) -> None:
    """Raise TransientError unless the models run on a picture that is nobody's fault."""
    grey = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    unit.pack.detector.detect(grey[0])
    unit.pack.recogniser.embed(grey)


def _fetch(unit: Unit, collection: Reader, photo: ManifestPhoto) -> Fetched:
    began = time.monotonic()
    blob, error = None, None
    try:
        blob = collection.get(photo.key, limit=unit.spec.limits.max_bytes)
    except ObjectError as failure:
        error = failure.as_photo_error()
    content = content_digest(blob) if blob else ""
    return Fetched(photo, blob, content, error, time.monotonic() - began)


def _embed(unit: Unit, fetched: Fetched, known: Known) -> Done:
    seconds = {"fetch": fetched.seconds}
    if fetched.blob is None:
        error = fetched.error or PhotoError(Outcome.UNREADABLE, "no bytes")
        return Done(_failed(fetched, error), None, seconds)
    if duplicate := known.duplicates.get(fetched.content):
        photo = as_photo(duplicate, fetched.photo, fetched.blob.etag)
        return Done(_described(photo, fetched, known), None, seconds, duplicate)
    try:
        with unit.at_photo(fetched.photo.key):
            analysis = analyse(
                fetched.blob.data,
                unit.pack,
                max_pixels=unit.spec.limits.max_pixels,
                max_faces=unit.spec.limits.max_faces,
                profile=known.profile,
                drawn=partial(known.to_add, fetched.content),
            )
    except MemoryError as error:
        raise TransientError("too little memory to work on it") from error
    except PhotoError as error:
        if error.outcome is Outcome.CRASHED:  # or those beside it took the memory: alone it shows
            raise TransientError(error.reason) from error
        return Done(_described(_failed(fetched, error), fetched, known), None, seconds)
    analysis = without_forgotten(analysis, known.forgotten.get(fetched.content, ()))
    frame = Frame(analysis.width, analysis.height, analysis.orientation)
    if note := known.note(fetched.content, frame):
        analysis = analysis.noting(note)
    photo = _described(_photo(fetched, fetched.blob, analysis), fetched, known)
    return Done(photo, analysis, seconds | analysis.seconds)


def _photo(fetched: Fetched, blob: Blob, analysis: Analysis) -> Photo:
    faces = len(analysis)
    return Photo(
        key=fetched.photo.key,
        etag=blob.etag,
        size=len(blob.data),
        outcome=Outcome.FACES if faces else Outcome.NO_FACE,
        width=analysis.width,
        height=analysis.height,
        orientation=analysis.orientation,
        faces=faces,
        content=fetched.content,
        reading=reading.READING,
        reason=analysis.note,
        stored_width=analysis.stored[0],
        stored_height=analysis.stored[1],
    )


def _failed(fetched: Fetched, error: PhotoError) -> Photo:
    if fetched.blob is None:
        return _unread(fetched.photo, error)
    return replace(
        _unread(fetched.photo, error),
        etag=fetched.blob.etag,
        size=len(fetched.blob.data),
        content=fetched.content,
    )


def _described(photo: Photo, fetched: Fetched, known: Known) -> Photo:
    """The photo with what its file, its name and its list say of it, of nobody who was forgotten.

    Copies too: their names are others, and the rows that are copied may be older than this.
    """
    if fetched.blob is None:
        return photo
    said = read_metadata(fetched.blob.data, fetched.photo.key, fetched.photo.taken)
    carried = without_people(said.carried, known.people) if known.people else said.carried
    return replace(photo, taken=said.taken, carried=carried)


def _unread(photo: ManifestPhoto, error: PhotoError) -> Photo:
    """A photo that was not read: key, etag and size are those of the listing."""
    return Photo(
        key=photo.key,
        etag=photo.etag,
        size=photo.size,
        outcome=error.outcome,
        reason=error.reason,
        reading=reading.READING,
    )


def content_digest(blob: Blob) -> str:
    """The SHA-256 of a photo's bytes."""
    return hashlib.sha256(blob.data).hexdigest()
