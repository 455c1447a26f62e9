"""Submission: a request becomes a job's spec in the archive, checked as far as possible here."""

from __future__ import annotations

from datetime import datetime, tzinfo
from itertools import islice
from typing import Any
from urllib.parse import quote

from headcount.collections import canonical_collection, open_collection
from headcount.collections.photos import references_in
from headcount.contract.layout import CONDITIONAL, PROBES, JobKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import ConditionalRecord
from headcount.contract.stored.jobs import (
    FinishedRecord,
    JobRequest,
    JobSpec,
    Limits,
    SheetForm,
)
from headcount.contract.vocabulary import new_job_id
from headcount.errors import FatalError
from headcount.rosters.source import fetch_roster, require_apart
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.storage.conditional import require_conditional_writes
from headcount.storage.uris import split_object_uri
from orchestrator.archive.catalogue import job_ids, rollback_since
from orchestrator.jobs.until import end_of


def make_request(
    *,
    photos: str | None,
    people: str | None,
    archive: str,
    settings: Settings,
    expected: str | None = None,
    profile: str | None = None,
    formats: tuple[str, ...] = (),
    **wishes: Any,
) -> JobRequest:
    """Request with every URI in canonical form.

    ``wishes`` are the other fields of a JobRequest.
    """
    return JobRequest.model_validate(
        {
            "photos": canonical_collection(photos) if photos else None,
            "people": canonical_uri(people) if people else None,
            "expected": canonical_object(expected) if expected else None,
            "archive": canonical_uri(archive),
            "model": settings.model,
            "profile": profile or settings.profile,
            "formats": ("parquet", *(f for f in formats if f != "parquet")),
            "sheets": SheetForm.of(settings),
            **wishes,
        }
    )


def spec_of(
    request: JobRequest,
    out: str | None,
    settings: Settings,
    *,
    began: datetime | None = None,
    zone: tzinfo | None = None,
) -> JobSpec:
    """Spec of a new job for the request, with all defaults filled in.

    ``began``: the moment after which its ``until`` comes, if not now; ``zone``: that of ``until``,
    if not the machine's. Raises FatalError for an ``until`` that is none, or past.
    """
    created, until = now(), request.until
    job_id = new_job_id(created)
    asked = request.model_dump(include=set(JobRequest.model_fields))
    return JobSpec.model_validate(
        asked
        | {
            "job_id": job_id,
            "created": created,
            "ends": None if until is None else end_of(until, began or created, zone),
            "out": canonical_uri(out) if out else request.archive + JobKeys(job_id).results,
            "limits": Limits(
                max_bytes=settings.max_bytes,
                max_pixels=settings.max_pixels,
                max_faces=settings.max_faces,
                shard_photos=settings.shard_photos,
                shard_bytes=settings.shard_bytes,
            ),
        }
    )


def make_spec(*, out: str | None, settings: Settings, **request: Any) -> JobSpec:
    """Spec of a new job, from the arguments of make_request."""
    return spec_of(make_request(settings=settings, **request), out, settings)


def canonical_object(uri: str) -> str:
    """Canonical URI of one object."""
    store, key = split_object_uri(uri)
    return store + (key if store.startswith("s3://") else quote(key))


def submit(spec: JobSpec, s3: S3Settings) -> Store:
    """Check the sources, write the spec, return the archive's store. Raises FatalError."""
    check_sources(spec, s3)
    store = open_archive(spec.archive, s3)
    _try_conditional_writes(store, s3)
    store.put(JobKeys(spec.job_id).spec, spec.to_bytes())
    return store


def _try_conditional_writes(store: Store, s3: S3Settings) -> None:
    """Try them on a bucket where that was not done yet. Raises FatalError where it ignores them."""
    if not store.uri.startswith("s3://"):
        return
    at = s3.at(store.uri)
    endpoint = at.endpoint_url or f"AWS {at.region}"
    held = find_record(store, CONDITIONAL, ConditionalRecord)
    if held is None or (held.uri, held.endpoint) != (store.uri, endpoint):
        require_conditional_writes(store, PROBES)
        record = ConditionalRecord(uri=store.uri, endpoint=endpoint, tried=now())
        store.put(CONDITIONAL, record.to_bytes())


def check_sources(spec: JobSpec, s3: S3Settings) -> None:
    """Raise FatalError where photos, people or the roster cannot be read."""
    _check_photos(spec, s3)
    _check_people(spec, s3)
    check_expected(spec, s3)
    if spec.expected is not None:
        require_apart(spec.expected, spec.out)


def open_archive(uri: str, s3: S3Settings) -> Store:
    """Store of an archive; an S3 store is checked. Raises FatalError where it cannot be used."""
    store = open_store(uri, s3)
    if not uri.startswith("s3://"):
        return store
    store.check()
    return store


def _check_photos(spec: JobSpec, s3: S3Settings) -> None:
    if spec.photos is None or spec.rematch:
        return
    archive = open_store(spec.archive, s3)
    open_collection(spec.photos, s3, indexes=archive, archives=spec.archives).check()
    if not spec.photos.endswith("/"):
        return
    collection = open_store(spec.photos, s3)
    if not next(iter(collection.list()), None):
        raise FatalError(f"no photos found in {collection.uri}: it is empty; check the path")


def _check_people(spec: JobSpec, s3: S3Settings) -> None:
    if spec.people is None:
        return
    people = open_store(spec.people, s3)
    people.check()
    if not list(islice(references_in(people), 1)):
        raise FatalError(
            f"no people found in {people.uri}: expected one folder per person with photos in it, "
            "or photos named after the person (NAME.jpg)"
        )


def check_expected(spec: JobRequest, s3: S3Settings) -> None:
    """Raise FatalError where the roster, if there is one, cannot be read."""
    if spec.expected is not None:
        fetch_roster(spec.expected, lambda uri: open_store(uri, s3))


def interrupted_job(store: Store, spec: JobSpec) -> str | None:
    """Id of the collection's latest job, if it has the same request and did not end well.

    Rematches are passed over. None where the archive was rolled back since: that job cannot be
    completed any more.
    """
    latest: JobSpec | None = None
    for job_id in job_ids(store):
        other = find_record(store, JobKeys(job_id).spec, JobSpec)
        if other and other.photos == spec.photos and not other.rematch:
            latest = other  # job ids sort by time
    if latest is None or not same_request(latest, spec) or rollback_since(store, latest):
        return None
    finished = find_record(store, JobKeys(latest.job_id).finished, FinishedRecord)
    return latest.job_id if finished is None or finished.state == "failed" else None


def same_request(one: JobSpec, other: JobSpec) -> bool:
    """Whether two jobs were asked for the same: what, where from and where to."""
    apart = {"job_id", "created", "limits", "ends"}
    return one.model_dump(exclude=apart) == other.model_dump(exclude=apart)
