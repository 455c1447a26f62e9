from pathlib import Path

import pytest

from headcount.collections.photos import collection_id
from headcount.contract.layout import ROLLBACKS, JobKeys, commit_key, shard_name
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.archive import LastCommitRecord, PackRecord, RollbackRecord
from headcount.contract.stored.jobs import CutRecord, JobSpec, PlanRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.archive.cut import find_cut
from orchestrator.jobs.commit_in_turn import commit_in_turn, current_plan
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import interrupted_job, make_spec, submit


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    return make_spec(
        photos=str(tmp_path / "photos"),
        people=None,
        archive=str(tmp_path / "archive"),
        out=None,
        settings=Settings(),
    )


@pytest.fixture
def store(spec: JobSpec) -> Store:
    return submit(spec, S3Settings())


def last_of(spec: JobSpec) -> str:
    return commit_key(collection_id(spec.photos or ""))


def committed(store: Store, spec: JobSpec, job_id: str) -> None:
    store.put(last_of(spec), LastCommitRecord(job_id=job_id, made=True).to_bytes())


def add_photo(spec: JobSpec) -> None:
    photos = open_store(spec.photos or "")
    photos.put("b.jpg", b"y")


def current(store: Store, spec: JobSpec) -> int:
    return current_plan(store, spec, S3Settings(), fence=lambda: None).photos


def test_a_plan_that_nothing_has_overtaken_stands(store: Store, spec: JobSpec) -> None:
    plan_job(store, spec, S3Settings())
    add_photo(spec)
    assert current(store, spec) == 1
    committed(store, spec, spec.job_id)
    assert current(store, spec) == 1


def test_a_plan_is_made_again_where_another_job_was_committed_since(
    store: Store, spec: JobSpec
) -> None:
    plan_job(store, spec, S3Settings())
    add_photo(spec)
    committed(store, spec, "another")
    assert current(store, spec) == 2


def test_the_cut_of_a_plan_stands_with_it_and_goes_with_it(store: Store, spec: JobSpec) -> None:
    plan_job(store, spec, S3Settings())
    cut = CutRecord(at=now(), reason="late", units=(shard_name(0),), photos=1)
    store.put(JobKeys(spec.job_id).cut, cut.to_bytes())
    current(store, spec)
    assert find_cut(store, JobKeys(spec.job_id)) == cut
    committed(store, spec, "another")  # the shards of the next plan are others
    current(store, spec)
    assert find_cut(store, JobKeys(spec.job_id)) is None


def test_a_plan_that_was_begun_and_overtaken_is_refused(store: Store, spec: JobSpec) -> None:
    plan_job(store, spec, S3Settings())
    committed(store, spec, "another")
    store.put(JobKeys(spec.job_id).attempt("embed-0000000", 1), b"{}")
    with pytest.raises(FatalError, match="start a new job"):
        current(store, spec)


def rolled_back(store: Store) -> None:
    at = now()
    record = RollbackRecord(job_id="first", at=at)
    store.put(f"{ROLLBACKS}{at:%Y%m%d-%H%M%S.%f}.json", record.to_bytes())


def test_a_job_begun_before_a_rollback_is_refused_and_does_not_bar_the_next_one(
    store: Store, spec: JobSpec
) -> None:
    plan = plan_job(store, spec, S3Settings())
    rolled_back(store)
    pack = PackRecord.model_construct(pack_id="p")
    with pytest.raises(FatalError, match="start a new job"):
        current(store, spec)
    with pytest.raises(FatalError, match="start a new job"):
        commit_in_turn(store, spec, plan, pack, S3Settings(), fence=lambda: None)
    assert find_record(store, last_of(spec), LastCommitRecord) is None
    assert interrupted_job(store, spec) is None, "a run starts a new job"


def test_half_a_commit_that_was_rolled_back_is_dropped_by_the_next_job(
    store: Store, spec: JobSpec
) -> None:
    plan_job(store, spec, S3Settings())
    store.put(last_of(spec), LastCommitRecord(job_id=spec.job_id, made=False).to_bytes())
    rolled_back(store)
    new = spec.model_copy(update={"job_id": "new", "created": now()})
    assert current(store, new) == 1
    assert find_record(store, last_of(spec), LastCommitRecord) is None


def test_a_plan_that_was_begun_stands_after_rematches_and_goes_on_from_the_last(
    store: Store, spec: JobSpec
) -> None:
    plan_job(store, spec, S3Settings())
    begin(store, spec)
    for job_id, after in (("r1", ""), ("r2", "r1")):
        rematched(store, spec, job_id, after=after)
    add_photo(spec)
    assert current(store, spec) == 1
    plan = read_record(store, JobKeys(spec.job_id).plan, PlanRecord)
    assert (plan.after, plan.new) == ("r2", 1)


def test_a_plan_that_was_begun_does_not_stand_after_a_rematch_that_took_in_photos(
    store: Store, spec: JobSpec
) -> None:
    plan_job(store, spec, S3Settings())
    begin(store, spec)
    rematched(store, spec, "r1", after="", shards=1)
    with pytest.raises(FatalError, match="start a new job"):
        current(store, spec)


def test_a_plan_that_was_begun_does_not_stand_where_a_run_came_before_the_rematch(
    store: Store, spec: JobSpec
) -> None:
    plan_job(store, spec, S3Settings())
    begin(store, spec)
    rematched(store, spec, "r1", after="a-run")
    with pytest.raises(FatalError, match="start a new job"):
        current(store, spec)


def begin(store: Store, spec: JobSpec) -> None:
    store.put(JobKeys(spec.job_id).attempt(shard_name(0), 1), b"{}")


def rematched(store: Store, spec: JobSpec, job_id: str, *, after: str, shards: int = 0) -> None:
    """A rematch that was committed as the collection's last job."""
    made = spec.model_copy(update={"job_id": job_id, "rematch": "p1"})
    plan = read_record(store, JobKeys(spec.job_id).plan, PlanRecord)
    plan = plan.model_copy(update={"after": after, "shards": shards})
    store.put(JobKeys(job_id).spec, made.to_bytes())
    store.put(JobKeys(job_id).plan, plan.to_bytes())
    committed(store, spec, job_id)
