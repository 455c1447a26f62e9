"""Budgets: when a job begins no more shards, what it leaves, and the nights that go on with it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from headcount.collections.photos import collection_id
from headcount.contract import reading
from headcount.contract.layout import (
    PACKS,
    PREPARE,
    REDUCE,
    JobKeys,
    PackKeys,
    commit_key,
    shard_name,
)
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.archive import CommitRecord, LastCommitRecord
from headcount.contract.stored.jobs import (
    CutRecord,
    DoneMarker,
    FinishedRecord,
    JobSpec,
    PlanRecord,
)
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.storage.memory import MemoryStore
from headcount.tables.table import Table
from orchestrator.archive.commit import require_staged
from orchestrator.jobs.budget import budget_of, closing_seconds
from orchestrator.jobs.commit_in_turn import pack_of
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import interrupted_job, make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from tests.at_once import AtOnce, add, made_up_shard
from tests.running import comparable, summary, table
from workers.runtime.unit import Unit
from workers.stages.prepare import prepare_job

HOUR = 3600.0
NAMES = ("one", "two", "three", "four", "five", "six")
SIX = {name: f"{name} ada" for name in NAMES}


class Archive:
    """An archive and its jobs over one folder, a shard for each photo."""

    def __init__(self, folder: Path) -> None:
        self.photos = folder / "photos"
        self.archive = folder / "archive"
        self.jobs = 0

    @property
    def store(self) -> Store:
        return open_store(str(self.archive))

    def begin(self, **changes: object) -> JobSpec:
        """A job with this budget, not yet driven."""
        self.jobs += 1
        spec = make_spec(
            photos=str(self.photos),
            people=None,
            archive=str(self.archive),
            out=str(self.archive.parent / f"out-{self.jobs}"),
            settings=Settings(shard_photos=1),
            annotate=0,
        ).model_copy(update={"job_id": f"2026010{self.jobs}"} | changes)
        submit(spec, S3Settings())
        return spec

    def end(self, spec: JobSpec) -> FinishedRecord:
        """Drive it with a worker that takes an hour for each shard, one in flight at a time."""
        broker = AtOnce(prepare=by_this_reading, embed=an_hour)
        settings = broker.context.settings.model_copy(update={"poll_seconds": 0.001, "window": 1})
        return Supervisor(
            self.store,
            spec.job_id,
            broker=broker,  # type: ignore[arg-type]
            settings=settings,
            s3=S3Settings(),
        ).run()

    def run(self, **changes: object) -> FinishedRecord:
        return self.end(self.begin(**changes))

    def out(self, number: int) -> Path:
        return self.archive.parent / f"out-{number}"


def an_hour(unit: Unit) -> DoneMarker:
    return made_up_shard(unit).model_copy(update={"seconds": HOUR})


def by_this_reading(unit: Unit) -> DoneMarker:
    return prepare_job(unit).model_copy(update={"reading": reading.READING})


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def told(out: Path) -> list[object]:
    """Photos and faces, but for what a job's own time decides."""
    return [comparable(table(out, name), "cluster_id", "etag") for name in ("photos", "faces")]


def test_nights_of_two_worker_hours_leave_the_rest_and_end_with_what_one_night_finds(
    archive: Archive, tmp_path: Path
) -> None:
    add(archive.photos, **SIX)
    ends = [archive.run(worker_hours=2) for _ in range(3)]
    assert [(end.state, end.left, end.photos) for end in ends] == [
        ("done", 4, 2),
        ("done", 2, 4),
        ("done", 0, 6),
    ]
    assert summary(archive.out(1))["left"] == 4
    assert "4 photos left to the next job" in (archive.out(1) / "report/index.html").read_text()
    plain = Archive(tmp_path / "plain")
    add(plain.photos, **SIX)
    assert plain.run().left == 0
    assert told(archive.out(3)) == told(plain.out(1))


def test_a_first_night_without_time_ends_with_nothing_and_the_next_does_all(
    archive: Archive,
) -> None:
    add(archive.photos, **SIX)
    end = archive.run(until="06:00", ends=now() - timedelta(hours=1))
    assert (end.state, end.left, end.photos) == ("done", 6, 0)
    assert archive.run().photos == 6


def test_photos_that_changed_and_are_left_keep_their_rows_and_removed_ones_go(
    archive: Archive,
) -> None:
    add(archive.photos, **SIX)
    archive.run()
    before = {row["photo"]: row for row in table(archive.out(1), "faces")}
    add(archive.photos, **{name: f"{name} bob eve" for name in NAMES[:5]})
    (archive.photos / "six.jpg").unlink()
    assert archive.run(worker_hours=2).left == 3
    photos = {row["photo"]: row for row in table(archive.out(2), "photos")}
    assert set(photos) == {f"{name}.jpg" for name in NAMES[:5]}
    old = {photo for photo, row in photos.items() if row["faces"] == 2}
    assert sorted(old) == ["one.jpg", "three.jpg", "two.jpg"]  # the shards are in key order
    faces = table(archive.out(2), "faces")
    assert {row["face_id"] for row in faces} >= {before[photo]["face_id"] for photo in old}
    assert len(faces) == 3 * 2 + 2 * 3
    end = archive.run()
    assert (end.left, end.photos) == (0, 5)
    assert len(table(archive.out(3), "faces")) == 15


def test_photos_that_were_to_be_read_anew_and_are_left_keep_their_rows(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(archive.photos, **SIX)
    archive.run()
    monkeypatch.setattr(reading, "READING", 2)
    first = [archive.run(worker_hours=4, reread=6), archive.run(reread=6)]
    assert [(end.left, end.photos) for end in first] == [(2, 6), (0, 6)]
    assert [len(table(archive.out(number), "faces")) for number in (1, 2, 3)] == [12, 12, 12]
    rows = Table(archive.store.uri, next(photos_tables(archive.store)), S3Settings())
    assert rows.count("job_id = '20260101'") == 0


def photos_tables(store: Store) -> Iterator[str]:
    return (PackKeys(pack.removesuffix("/")).photos for pack in store.folders(PACKS))


def test_a_supervisor_that_takes_over_keeps_to_the_cut(archive: Archive) -> None:
    add(archive.photos, **SIX)
    spec = archive.begin(worker_hours=100)
    keys = JobKeys(spec.job_id)
    cut = CutRecord(at=now(), reason="late", units=(shard_name(1), shard_name(5)), photos=2)
    archive.store.put(keys.cut, cut.to_bytes())
    assert archive.end(spec).left == 2
    assert find_record(archive.store, keys.done(shard_name(1)), DoneMarker) is None
    assert read_record(archive.store, keys.cut, CutRecord) == cut


def test_what_a_shard_that_was_cut_staged_all_the_same_is_not_committed(archive: Archive) -> None:
    add(archive.photos, **SIX)
    spec = archive.begin()
    broker = AtOnce()
    supervisor = Supervisor(
        archive.store,
        spec.job_id,
        broker=broker,  # type: ignore[arg-type]
        settings=Settings(poll_seconds=0.001),
        s3=S3Settings(),
    )
    supervisor.stages._single(PREPARE)
    plan = plan_job(archive.store, spec, S3Settings())
    supervisor.stages.embed(spec, plan)  # all are done
    cut = CutRecord(at=now(), reason="late", units=(shard_name(3),), photos=1)
    archive.store.put(JobKeys(spec.job_id).cut, cut.to_bytes())
    end = archive.end(spec)
    assert (end.left, end.photos) == (1, 5)
    assert archive.run().photos == 6


def test_missing_shards_that_no_cut_names_are_not_committed(archive: Archive) -> None:
    add(archive.photos, **SIX)
    spec = archive.begin()
    keys = JobKeys(spec.job_id)
    archive.end(spec)
    archive.store.delete(keys.done(shard_name(2)))
    prepared = read_record(archive.store, keys.done(PREPARE), DoneMarker)
    plan = read_record(archive.store, keys.plan, PlanRecord)
    with pytest.raises(FatalError, match="1 shards"):
        require_staged(archive.store, spec, plan, pack_of(prepared), S3Settings())


def test_a_run_of_the_next_day_goes_on_with_an_interrupted_job_and_ends_at_once(
    archive: Archive,
) -> None:
    add(archive.photos, **SIX)
    spec = archive.begin(until="06:00", ends=now() - timedelta(hours=1))
    again = spec.model_copy(update={"job_id": "later", "ends": now() + timedelta(hours=23)})
    assert interrupted_job(archive.store, again) == spec.job_id
    other = again.model_copy(update={"until": "07:00"})
    assert interrupted_job(archive.store, other) is None
    assert archive.end(spec).left == 6


def spec_until(hours: float) -> JobSpec:
    begun = now()
    return JobSpec.model_construct(
        job_id="new",
        photos="file:///p/",
        created=begun,
        until="06:00",
        ends=begun + timedelta(hours=hours),
        worker_hours=None,
    )


@pytest.fixture
def store() -> MemoryStore:
    """An archive whose last job took 100 s to commit and 500 s to reduce, in two tasks of 300."""
    store, keys, moment = MemoryStore(), JobKeys("last"), now()
    last = LastCommitRecord(job_id="last", made=True)
    store.put(commit_key(collection_id("file:///p/")), last.to_bytes())
    commit = CommitRecord(pack_id="p", photos=1, faces=1, gallery=1, at=moment, seconds=100)
    store.put(keys.commit, commit.to_bytes())
    for unit, seconds in ((shard_name(0), 9000.0), ("match-0000000", 300.0), (REDUCE, 300.0)):
        marker = DoneMarker(unit=unit, attempt=1, worker="w", seconds=seconds)
        store.put(keys.done(unit), marker.to_bytes())
    finished = FinishedRecord(
        job_id="last", state="done", finished=moment + timedelta(seconds=500), out="o"
    )
    store.put(keys.finished, finished.to_bytes())
    return store


def test_the_time_that_the_last_jobs_commit_and_reduce_took_is_held_back(
    store: MemoryStore,
) -> None:
    spec = spec_until(4)
    assert closing_seconds(store, spec) == 600
    budget = budget_of(store, spec)
    assert budget and spec.ends and budget.stops == spec.ends - timedelta(seconds=600)
    store.delete(JobKeys("last").finished)  # interrupted: its tasks are what is known
    assert closing_seconds(store, spec) == 700


def test_nothing_is_held_back_for_a_first_job_and_never_more_than_half_the_time(
    store: MemoryStore,
) -> None:
    spec, short = spec_until(4), spec_until(0.1)
    first, half = budget_of(MemoryStore(), spec), budget_of(store, short)
    assert first and first.stops == spec.ends
    assert half and short.ends and half.stops == short.ends - timedelta(seconds=180)


def test_a_budget_is_spent_by_the_time_that_a_shard_would_be_done_or_by_workers_hours(
    store: MemoryStore,
) -> None:
    spec = spec_until(4)
    budget = budget_of(MemoryStore(), spec)
    assert budget and spec.ends
    assert budget.spent(spec.ends - timedelta(seconds=61), 0, 60) is None
    assert budget.spent(spec.ends - timedelta(seconds=60), 0, 60) == "--until 06:00 is reached"
    hours = spec.model_copy(update={"ends": None, "worker_hours": 1.5})
    budget = budget_of(store, hours)
    assert budget
    assert budget.spent(now(), 1.4 * HOUR, HOUR) is None
    assert budget.spent(now(), 1.5 * HOUR, HOUR) == "--worker-hours 1.5 are spent"
    none = hours.model_copy(update={"worker_hours": None})
    assert budget_of(store, none) is None
