"""Prune: remove from an archive what no rollback, job or answer within a retention needs.

Each step can be repeated, and leaves an archive that is valid: what refers to a thing goes before
it, and a job's spec and its end go last. A mark keeps rollbacks and forgets away meanwhile; jobs go
on beside it, since nothing of theirs is outside the retention.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import PurePosixPath

from headcount import audit
from headcount.answers.kept import named_jobs
from headcount.assignments import history
from headcount.assignments.checks.record import CheckRecord
from headcount.contract.inventory import ARCHIVE as PLACES
from headcount.contract.inventory import place_of
from headcount.contract.layout import CHECKS, PACKS, SCHEDULES, JobKeys, PackKeys, ScheduleKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import ScheduledRunRecord
from headcount.s3_settings import S3Settings
from headcount.storage import ObjectInfo, Store
from headcount.tables.sums import record_sums, tables_of_pack, unite
from headcount.tables.table import Table
from headcount.tables.versions import remove_versions, version_times
from orchestrator.archive.catalogue import job_ids
from orchestrator.archive.pruning_mark import PruningMark
from orchestrator.archive.retention import (
    RESUMABLE_DAYS,
    JobFacts,
    Retention,
    jobs_of_schedules,
    last_specs,
    needed_since,
    outside,
    read_facts,
)

GRACE = timedelta(minutes=10)
"""Versions that were the latest so lately stay: a `search` may be reading them."""
SKEW = timedelta(hours=1)
"""Clocks of those who submit jobs and of those who write tables may differ by so much."""
STAGED_FOR = timedelta(days=RESUMABLE_DAYS - 1)
"""Lance's clean-up would take staged rows of jobs that are at work for longer: it waits."""


def prune(
    store: Store,
    retention: Retention,
    s3: S3Settings,
    *,
    dry: bool = False,
    by_hand: bool = False,
    grace: timedelta | None = None,
) -> dict[str, int]:
    """Remove what is outside the retention; counts of what went, or of what would go if ``dry``.

    The audit log tells of a prune ``by_hand``, not of those that a setting asks for every night.

    Raises TransientError where another prune is at work or a person is being forgotten, and
    FatalError where a rollback is under way. Repeating it changes nothing.
    """
    if not retention.is_set:
        return {}
    grace = GRACE if grace is None else grace
    if dry:
        return _Pruning(store, retention, s3, grace).run()
    mark = PruningMark(store)
    mark.take()
    try:
        removed = _Pruning(store, retention, s3, grace, mark, by_hand=by_hand).run()
    finally:
        mark.release()
    return removed


class _Pruning:
    """One prune; without a mark it only counts."""

    def __init__(
        self,
        store: Store,
        retention: Retention,
        s3: S3Settings,
        grace: timedelta,
        mark: PruningMark | None = None,
        *,
        by_hand: bool = False,
    ) -> None:
        self._store, self._s3, self._mark = store, s3, mark
        self._moment = now()
        self._grace = grace
        self._facts = read_facts(store)
        self._gone = outside(self._facts, retention, self._moment) - jobs_of_schedules(store)
        self._kept = [job for job in self._facts if job.job_id not in self._gone]
        self._to_be_told = by_hand
        self._removed: Counter[str] = Counter()

    def run(self) -> dict[str, int]:
        """Do all steps; counts of what was removed."""
        for pack in self._store.folders(PACKS):
            self._versions(PackKeys(pack))
        for job in self._facts:
            if job.job_id in self._gone:
                self._results(job)
        for pack in self._store.folders(PACKS):
            self._assignments(PackKeys(pack))
        self._checks()
        self._runs()
        stay = last_specs(self._facts)
        for job in self._facts:
            if job.job_id in self._gone:
                self._records(job, keep_spec=job.job_id in stay and not self._is_in_archive(job))
        if self._mark is not None and self._removed["versions"]:
            unite(self._store)
        return {name: number for name, number in self._removed.items() if number}

    def _versions(self, keys: PackKeys) -> None:
        """Remove versions of a pack's tables that no kept job was committed with."""
        commits = [job.commit for job in self._kept if job.commit]
        commits = [commit for commit in commits if commit.pack_id == keys.pack_id]
        needed = {
            keys.photos: {commit.photos for commit in commits},
            keys.faces: {commit.faces for commit in commits},
            keys.gallery: {commit.gallery for commit in commits},
        }
        if not commits or self._is_held():
            return
        if self._mark is not None:
            record_sums(self._store, keys, self._s3)
        for key in tables_of_pack(keys):
            table = Table(self._store.uri, key, self._s3)
            if table.exists():
                self._clean(table, needed[key])

    def _clean(self, table: Table, needed: Collection[int]) -> None:
        times = version_times(table)
        since = self._moment - self._grace
        begun = needed_since(self._facts, self._gone, self._moment)
        since = since if begun is None else min(since, begun - SKEW)
        old = set(superseded(times, since)) - set(needed)
        if self._mark is None:
            self._removed["versions"] += len(old)
        elif old:
            self._confirm()
            number, size = remove_versions(table, old)
            self._removed["versions"] += number
            self._removed["bytes"] += size

    def _is_held(self) -> bool:
        """Whether a job has been at work for so long that its staged rows would be taken."""
        long = any(
            job.finished is None and job.spec and self._moment - job.spec.created > STAGED_FOR
            for job in self._kept
        )
        self._removed["tables left alone: a job is under way for days"] = int(long)
        return long

    def _results(self, job: JobFacts) -> None:
        """Remove a job's results that lie in the archive and that no kept job wrote again."""
        if job.spec is None or not self._is_in_archive(job):
            return
        if any(other.spec and other.spec.out == job.spec.out for other in self._kept):
            return
        self._delete("results", self._store.list(self._folder_of(job)))

    def _folder_of(self, job: JobFacts) -> str:
        return job.spec.out.removeprefix(self._store.uri) if job.spec else ""

    def _is_in_archive(self, job: JobFacts) -> bool:
        """Whether a job's results are in a place of the archive that is for results."""
        if job.spec is None or not job.spec.out.startswith(self._store.uri):
            return False
        folder = self._folder_of(job)
        own = folder == JobKeys(job.job_id).results
        return own or (folder.startswith("nights/") and folder.count("/") == 3)

    def _assignments(self, keys: PackKeys) -> None:
        """Remove assignments and expectations of jobs outside, and fold up their lineage."""
        kept = {job.job_id for job in self._kept} | named_jobs(self._store)
        for collection in history.collections_of(self._store, keys):
            there = history.job_ids(self._store, keys.assignment_folder(collection))
            lineages = history.job_ids(self._store, keys.lineages(collection))
            expected = list(self._store.list(keys.expectation_folder(collection)))
            stay = kept | self._begun_meanwhile()  # these last: all above is older
            old = set(there) - stay
            self._delete(
                "expectations", (i for i in expected if PurePosixPath(i.key).stem not in stay)
            )
            if self._mark is None:
                self._removed["assignments"] += len(old)
                continue
            if old:
                self._confirm()
            gone = history.remove_assignments(self._store, keys, collection, old)
            self._removed["assignments"] += len(gone)
            history.fold_lineage(self._store, keys, collection, set(lineages) - stay)

    def _checks(self) -> None:
        """Remove checks of jobs outside that nobody signed; a signed one stays, as answers do."""
        for info in list(self._store.list(CHECKS)):
            check = find_record(self._store, info.key, CheckRecord)
            if check is not None and check.signed is None and check.job_id in self._gone:
                self._delete("checks", [info])

    def _begun_meanwhile(self) -> set[str]:
        """Ids of the jobs that were submitted since the facts were read."""
        return {*job_ids(self._store)} - {job.job_id for job in self._facts}

    def _runs(self) -> None:
        """Remove the records of scheduled runs whose jobs are outside, but each schedule's last."""
        for name in {job.key.split("/")[1] for job in self._store.list(SCHEDULES) if _is_run(job)}:
            keys = ScheduleKeys(name)
            for info in sorted(self._store.list(keys.runs), key=lambda info: info.key)[:-1]:
                run = find_record(self._store, info.key, ScheduledRunRecord)
                if run is not None and run.job_id in self._gone:
                    told = (i for i in self._store.list(keys.told(run.number)))
                    self._delete("schedule records", [*told, info])

    def _records(self, job: JobFacts, *, keep_spec: bool) -> None:
        """Remove a job's records, its spec and its end last; these stay where ``keep_spec``."""
        keys = JobKeys(job.job_id)
        last = [keys.spec, keys.finished]
        infos = [
            info
            for info in self._store.list(keys.root)
            if not info.key.startswith(keys.results) or self._is_in_archive(job)
        ]
        self._delete("job records", (info for info in infos if info.key not in last))
        if not keep_spec:
            ends = {info.key: info for info in infos if info.key in last}
            self._delete("job records", (ends[key] for key in last if key in ends))
            self._removed["jobs"] += 1

    def _confirm(self) -> None:
        """Confirm the mark before something is removed; the first time the audit log says so."""
        if self._mark is not None:
            self._mark.confirm()
        if self._to_be_told:
            audit.record(self._store, "prune", "archive", jobs=len(self._gone))
        self._to_be_told = False

    def _delete(self, what: str, infos: Iterable[ObjectInfo]) -> None:
        for info in list(infos):
            if place_of(info.key, PLACES) is None:
                continue  # somebody's own
            if self._mark is not None:
                self._confirm()
                self._store.delete(info.key)
            self._removed[what] += 1
            self._removed["bytes"] += info.size


def superseded(times: dict[int, datetime], since: datetime) -> Iterator[int]:
    """Yield the versions that were no longer the latest at a time."""
    order = sorted(times)
    for version, later in pairwise(order):
        if times[later] < since:
            yield version


def _is_run(info: ObjectInfo) -> bool:
    return info.key.count("/") > 1
