"""Rematch: a job that matches and clusters what the archive has anew, and reads no photo."""

from __future__ import annotations

from typing import Any

from headcount.assignments import history
from headcount.collections import canonical_collection
from headcount.contract.layout import REDUCE, JobKeys, PackKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec, SplitRecord
from headcount.contract.vocabulary import new_job_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri
from orchestrator.archive.catalogue import job_ids, rollback_since
from orchestrator.jobs.first_look import keep_first_look
from orchestrator.jobs.submit import canonical_object, same_request, submit

TOLD = 20
"""Collections named in a message, at most."""


def matched_collections(store: Store, pack_id: str) -> dict[str, JobSpec]:
    """The latest job with results under a pack, by the URI of each collection."""
    keys, found = PackKeys(pack_id), {}
    for collection in history.collections_of(store, keys):
        job_id = history.latest_job(store, keys, collection)
        spec = find_record(store, JobKeys(job_id).spec, JobSpec) if job_id else None
        if spec is not None and spec.photos is not None:
            found[spec.photos] = spec
    return found


def latest_of(store: Store, pack_id: str, photos: str | None) -> JobSpec:
    """The latest job of a collection with results under a pack; ``photos`` None: the only one.

    Raises FatalError where there is none such, or are several.
    """
    found = matched_collections(store, pack_id)
    if photos is None and len(found) == 1:
        return next(iter(found.values()))
    names = {photos, canonical_collection(photos)} if photos else set()
    for uri in names & found.keys():
        return found[uri]
    if not found:
        raise FatalError(
            f"{store.uri} has no results yet that could be matched anew: `headcount run` first"
        )
    told = "".join(f"\n  {uri}" for uri in sorted(found)[:TOLD])
    more = f"\n  and {len(found) - TOLD:,} more" if len(found) > TOLD else ""
    if photos is None:
        raise FatalError(f"the archive has several collections: say which one{told}{more}")
    raise FatalError(f"the archive has no results of {photos}. It has those of{told}{more}")


def rematch_spec(
    store: Store,
    latest: JobSpec,
    pack_id: str,
    *,
    out: str | None = None,
    expected: str | None = None,
    formats: tuple[str, ...] = (),
    **wishes: Any,
) -> JobSpec:
    """Spec of a rematch: the request of a collection's ``latest`` job, but what is said here.

    The archive is where it lies now: it may have been moved since.

    ``wishes`` are other fields of a JobRequest; those that are None are not said. An empty
    ``expected`` leaves the roster of the latest job away.
    """
    created = now()
    job_id = new_job_id(created)
    said = {name: value for name, value in wishes.items() if value is not None}
    if expected is not None:
        said["expected"] = canonical_object(expected) if expected else None
    if formats:
        said["formats"] = ("parquet", *(f for f in formats if f != "parquet"))
    of_a_run = dict.fromkeys(("people", "reread", "until", "worker_hours", "ends"))
    return JobSpec.model_validate(
        latest.model_dump()
        | of_a_run
        | {
            "job_id": job_id,
            "created": created,
            "archive": store.uri,
            "out": canonical_uri(out) if out else store.uri + JobKeys(job_id).results,
            "rematch": pack_id,
            "retries": (),
            "annotate": 0,
        }
        | said
    )


def submit_rematch(store: Store, spec: JobSpec, latest: JobSpec, s3: S3Settings) -> None:
    """Write the spec of a rematch after the ``latest`` job; one after a first look is one, too."""
    if spec.first is not None:
        keep_first_look(store, spec, latest, s3)
    submit(spec, s3)


def interrupted_rematch(store: Store, spec: JobSpec) -> str | None:
    """Id of the collection's latest job, if it is the same rematch and was cut off.

    None where it has begun to match: it would not have the answers that were given since.
    """
    specs = (find_record(store, JobKeys(job_id).spec, JobSpec) for job_id in job_ids(store))
    mine = [other for other in specs if other and other.photos == spec.photos]
    latest = max(mine, key=lambda other: other.created, default=None)
    if latest is None or not _is_same(latest, spec) or rollback_since(store, latest):
        return None
    keys = JobKeys(latest.job_id)
    finished = find_record(store, keys.finished, FinishedRecord)
    ended = finished is not None and finished.state != "failed"
    begun = find_record(store, keys.split, SplitRecord) is not None
    matched = find_record(store, keys.done(REDUCE), DoneMarker) is not None
    return None if ended or begun or matched else latest.job_id


def _is_same(one: JobSpec, other: JobSpec) -> bool:
    """Whether both are the same rematch, also where each has its results in its own folder."""
    own = one.out == one.archive + JobKeys(one.job_id).results
    defaulted = other.out == other.archive + JobKeys(other.job_id).results
    if own and defaulted:
        one = one.model_copy(update={"out": other.out})
    return same_request(one, other)
