"""Advice for a file of an archive that has changed or is gone: what to do about it, in words."""

from __future__ import annotations

from collections.abc import Collection

from headcount.contract.layout import (
    ANSWERS,
    AUDIT,
    CHECKS,
    FORGOTTEN,
    JOBS,
    SCHEDULES,
    SUMS,
    JobKeys,
    PackKeys,
)
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import CommitRecord
from headcount.contract.stored.jobs import FinishedRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.sums import tables_of_pack
from headcount.tables.table import Table
from headcount.tables.versions import tracked_files
from orchestrator.archive.catalogue import committed_jobs

BACKUP = "restore it from a backup"
_BY_PLACE = {
    "indexes/": "delete its folder: the next run makes the index anew",
    SUMS: "delete it, then `headcount verify --record`",
    AUDIT: f"{BACKUP}: a line was changed, or lines are missing; nothing else depends on it",
    ANSWERS: f"{BACKUP}, or delete it and say again who that was (`headcount name`, `apply`)",
    CHECKS: f"{BACKUP}, or delete it and check again (`headcount review --check`)",
    SCHEDULES: f"{BACKUP}, or remove the schedule and add it again",
    FORGOTTEN: f"{BACKUP}: without it runs may bring a forgotten person back",
    "pruning.json": "`headcount prune` again",
    "/rolls/": f"{BACKUP}, or `headcount rollback` to a job before: cluster ids go on from it",
    "/expected/": f"{BACKUP}, or delete it: changes since that job are then not told",
    "/lineage/": f"{BACKUP}, or delete it: what became of clusters is then not told",
}


def remedy_of(store: Store, key: str, faulty: Collection[str], s3: S3Settings) -> str:
    """The advice for one file; ``faulty`` are all files that have changed or are gone."""
    if ".lance/" in key:
        return _of_table(store, key, faulty, s3)
    if key.startswith(JOBS):
        return _of_job(store, key.split("/")[1])
    return next((words for place, words in _BY_PLACE.items() if place in key), BACKUP)


def _of_job(store: Store, job_id: str) -> str:
    try:
        ended = find_record(store, JobKeys(job_id).finished, FinishedRecord)
    except FatalError:
        ended = None
    if ended is not None and ended.state == "done":
        return f"{BACKUP}; the job is done, and no photo has to be read again"
    return f"{BACKUP}, or `headcount cancel {job_id}` and start a new job"


def _of_table(store: Store, key: str, faulty: Collection[str], s3: S3Settings) -> str:
    if key.endswith("hint.json"):
        return "delete it: it is a hint that nothing relies on"
    pack = PackKeys(key.split("/")[1])
    try:
        spoilt = _spoilt_versions(store, pack, faulty, s3)
        job_id = _last_good(store, pack, spoilt)
    except FatalError:
        return f"{BACKUP}: the table cannot be opened without it"
    if not _is_needed(store, pack, key, s3):
        return "no job needs it: `headcount prune` removes it with the version that it belongs to"
    again = "`headcount verify --drop-damaged`, and the next run embeds these photos anew"
    if job_id is not None:
        more = f"; or {again}" if "/data/" in key else ""
        return f"`headcount rollback {job_id}`, and the next run does the rest again{more}"
    return again if "/data/" in key else BACKUP


def _spoilt_versions(
    store: Store, pack: PackKeys, faulty: Collection[str], s3: S3Settings
) -> set[tuple[str, int]]:
    """The versions of each table that refer to a file that has changed or is gone."""
    found = set()
    for key in tables_of_pack(pack):
        for path, versions in tracked_files(Table(store.uri, key, s3)).items():
            if f"{key}/{path}" in faulty:
                found |= {(key, version) for version in versions}
    return found


def _tables_at(pack: PackKeys, commit: CommitRecord) -> set[tuple[str, int]]:
    return {
        (pack.photos, commit.photos),
        (pack.faces, commit.faces),
        (pack.gallery, commit.gallery),
    }


def _commits(store: Store, pack: PackKeys) -> list[tuple[str, CommitRecord]]:
    """The commits of a pack that can be read, the newest first."""
    found = [
        (job_id, read_record(store, JobKeys(job_id).commit, CommitRecord))
        for job_id in committed_jobs(store, pack.pack_id)
    ]
    return sorted(found, key=lambda pair: (pair[1].photos, pair[1].faces, pair[1].at), reverse=True)


def _last_good(store: Store, pack: PackKeys, spoilt: Collection[tuple[str, int]]) -> str | None:
    """The last job to whose tables a rollback can go back; None where there is none."""
    for job_id, commit in _commits(store, pack):
        if not _tables_at(pack, commit) & set(spoilt):
            return job_id
    return None


def _is_needed(store: Store, pack: PackKeys, key: str, s3: S3Settings) -> bool:
    """Whether the latest version of a table, or one of a job, refers to a file."""
    name = next(name for name in tables_of_pack(pack) if key.startswith(f"{name}/"))
    table = Table(store.uri, name, s3)
    versions = tracked_files(table).get(key.removeprefix(f"{name}/"))
    kept = {table.version}
    for _, commit in _commits(store, pack):
        kept |= {version for of, version in _tables_at(pack, commit) if of == name}
    return versions is None or bool(versions & kept)
