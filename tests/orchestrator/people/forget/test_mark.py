"""A job and a `forget` never write to an archive at the same time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headcount.broker.client import Broker
from headcount.collections.photos import collection_id
from headcount.contract.forgotten import ForgettingRecord, ForgottenRecord, tombstone_key, under_way
from headcount.contract.layout import FORGETTING, ROLLBACK, JobKeys, PackKeys, shard_name
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import CommitRecord, PackRecord, RollbackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError, TransientError
from headcount.jobs import attempts, control
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.archive import catalogue, rollback
from orchestrator.archive.commit import commit_job
from orchestrator.jobs.commit_in_turn import commit_in_turn, current_plan
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.progress import Silent
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.people.forget import mark
from orchestrator.people.forget import run as forgetting
from tests.packs import made_up_pack

S3 = S3Settings()
PACK = made_up_pack("made-up-0", dimensions=4)
ADA = person_id("Ada")
ANOTHER = person_id("Grace")


@dataclass
class Archive:
    """An archive of one job, whose only shard is done and not committed."""

    store: Store
    spec: JobSpec
    plan: PlanRecord
    pack: PackRecord

    @property
    def keys(self) -> PackKeys:
        return PackKeys(self.pack.pack_id)

    @property
    def photos(self) -> Table:
        return Table(self.store.uri, self.keys.photos, S3)

    @property
    def shard(self) -> str:
        return JobKeys(self.spec.job_id).done(shard_name(0))

    def stage(self) -> None:
        row = {"collection": collection_id(self.spec.photos or ""), "job_id": self.spec.job_id}
        rows = pa.Table.from_pylist([row | {"photo": "a.jpg"}], schema=PHOTOS)
        marker = DoneMarker(
            unit=shard_name(0),
            attempt=1,
            worker="w",
            seconds=0,
            photo_fragments=self.photos.stage(rows),
        )
        self.store.put(self.shard, marker.to_bytes())

    def mark(self, person: str) -> None:
        self.store.put(FORGETTING, ForgettingRecord(person_id=person, at=now()).to_bytes())


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    spec = make_spec(
        photos=str(tmp_path / "photos"),
        people=None,
        archive=str(tmp_path / "archive"),
        out=None,
        settings=Settings(),
    )
    store = submit(spec, S3)
    made = Archive(store, spec, plan_job(store, spec, S3), PACK)
    store.put(made.keys.record, made.pack.to_bytes())
    made.photos.create(PHOTOS)
    Table(store.uri, made.keys.faces, S3).create(faces_schema(4))
    Table(store.uri, made.keys.gallery, S3).create(gallery_schema(4))
    made.stage()
    return made


def test_what_was_purged_is_never_appended_and_its_shards_are_done_anew(archive: Archive) -> None:
    archive.photos.purge()
    given = (archive.store, archive.spec, archive.plan, archive.pack, S3)
    with pytest.raises(FatalError, match=f"headcount resume {archive.spec.job_id}"):
        commit_job(*given)
    assert archive.photos.read(["photo"]).num_rows == 0, "the table can be read"
    assert find_record(archive.store, archive.shard, DoneMarker) is None
    with pytest.raises(FatalError, match="does them anew"):
        commit_in_turn(*given, fence=lambda: None)
    archive.stage()
    commit_in_turn(*given, fence=lambda: None)
    assert archive.photos.read(["photo"])["photo"].to_pylist() == ["a.jpg"]


def test_nothing_is_planned_committed_or_rolled_back_while_a_person_is_being_forgotten(
    archive: Archive,
) -> None:
    archive.mark(ADA)
    given = (archive.store, archive.spec, archive.plan, archive.pack, S3)
    for begin in (
        lambda: current_plan(archive.store, archive.spec, S3, lambda: None),
        lambda: commit_in_turn(*given, fence=lambda: None),
        lambda: commit_job(*given),
        lambda: catalogue.require_idle(archive.store, purpose="first"),
    ):
        with pytest.raises(TransientError, match=f"headcount forget {ADA}"):
            begin()
    assert archive.photos.count() == 0


def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "find_anybody", lambda *_: (ADA, "Ada"))


def end(archive: Archive) -> None:
    archive.store.delete(JobKeys(archive.spec.job_id).spec)


def test_a_job_that_begins_as_the_mark_is_set_is_let_go_first(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch)
    asked: list[bool] = []

    def jobs_ended(store: Store, *, purpose: str) -> None:
        asked.append(under_way(store) is not None)
        if len(asked) == 2:
            catalogue.require_jobs_ended(store, purpose=purpose)

    monkeypatch.setattr(mark, "require_jobs_ended", jobs_ended)
    with pytest.raises(FatalError, match="is not finished"):
        forgetting.forget(archive.store, "Ada", S3)
    assert asked == [False, True], "asked again under the mark"
    assert under_way(archive.store) is None
    assert find_record(archive.store, tombstone_key(ADA), ForgottenRecord) is None


def test_a_forget_that_died_is_ended_though_a_job_waits_for_it(archive: Archive) -> None:
    archive.mark(ADA)
    stone = ForgottenRecord(person_id=ADA, at=now(), state="removing", person="Ada")
    archive.store.put(tombstone_key(ADA), stone.to_bytes())
    assert catalogue.unfinished_jobs(archive.store) == [archive.spec.job_id]
    assert forgetting.forget(archive.store, ADA, S3).state == "done"
    assert under_way(archive.store) is None


def test_a_forget_that_died_before_it_lifted_its_mark_is_ended_by_the_next(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch)
    spec = archive.store.get(JobKeys(archive.spec.job_id).spec).data
    end(archive)
    kept: list[bytes] = []
    delete = archive.store.delete

    def die(key: str) -> None:
        if key == FORGETTING:
            kept.append(archive.store.get(key).data)
        delete(key)

    monkeypatch.setattr(archive.store, "delete", die)
    receipt = forgetting.forget(archive.store, "Ada", S3)
    archive.store.put(FORGETTING, kept[0])
    archive.store.put(JobKeys(archive.spec.job_id).spec, spec)  # a job that waits for it
    monkeypatch.setattr(forgetting, "find_anybody", nobody)
    assert forgetting.forget(archive.store, ADA, S3) == receipt
    assert under_way(archive.store) is None


def nobody(*_: object) -> tuple[str, str]:
    raise FatalError("nobody is called that any more")


def test_a_forget_that_is_stopped_as_it_begins_lets_jobs_go_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch)
    end(archive)

    def stop(_: float) -> None:
        assert under_way(archive.store) is not None
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.people.forget.mark.time.sleep", stop)
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(archive.store, "Ada", S3)
    assert under_way(archive.store) is None


def test_a_forget_that_died_as_it_began_says_what_to_do_with_the_job_that_waits_for_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch)
    archive.mark(ADA)
    with pytest.raises(FatalError, match=f"headcount cancel {archive.spec.job_id}"):
        forgetting.forget(archive.store, "Ada", S3)
    control.stop(archive.store, archive.spec.job_id, "cancelled")
    assert forgetting.forget(archive.store, "Ada", S3).state == "done"


def test_one_person_at_a_time_is_forgotten(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch)
    end(archive)
    archive.mark(ANOTHER)
    with pytest.raises(FatalError, match=f"headcount forget {ANOTHER}"):
        forgetting.forget(archive.store, "Ada", S3)
    archive.store.delete(FORGETTING)
    assert forgetting.forget(archive.store, "Ada", S3).state == "done"
    assert under_way(archive.store) is None


def test_a_supervisor_waits_while_a_person_is_being_forgotten(archive: Archive) -> None:
    archive.mark(ADA)
    said: list[str] = []
    sent: list[str] = []

    class Sends(Broker):
        def __init__(self) -> None:
            pass

        def send(self, message: UnitMessage) -> None:
            assert under_way(archive.store) is None
            sent.append(message.unit)

    class Says(Silent):
        def warn(self, text: str) -> None:
            said.append(text)

    supervisor = Supervisor(
        archive.store,
        archive.spec.job_id,
        broker=Sends(),
        settings=Settings(),
        s3=S3,
        reporter=Says(),
        tick=lambda: archive.store.delete(FORGETTING),
    )
    supervisor.dispatcher.send("prepare")
    assert sent == ["prepare"]
    assert [f"headcount forget {ADA}" in text for text in said] == [True]


def test_a_rollback_that_begins_as_the_mark_is_set_is_taken_back(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = CommitRecord(pack_id=PACK.pack_id, photos=1, faces=1, gallery=1, at=now())
    archive.store.put(JobKeys(archive.spec.job_id).commit, versions.to_bytes())
    end(archive)
    began = rollback._committed_after

    def meanwhile(*given: Any) -> tuple[str, ...]:
        archive.mark(ADA)
        return began(*given)

    monkeypatch.setattr(rollback, "_committed_after", meanwhile)
    with pytest.raises(TransientError, match="being forgotten"):
        rollback.roll_back(archive.store, archive.spec.job_id, S3)
    assert find_record(archive.store, ROLLBACK, RollbackRecord) is None


def test_forget_waits_for_workers_of_a_job_that_was_cancelled_just_now(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch)
    keys = JobKeys(archive.spec.job_id)
    control.stop(archive.store, archive.spec.job_id, "cancelled")
    number = attempts.claim(archive.store, keys, "reduce", "w")
    waited: list[float] = []

    def leave(seconds: float) -> None:
        waited.append(seconds)
        assert under_way(archive.store) is not None
        assert find_record(archive.store, tombstone_key(ADA), ForgottenRecord) is None
        attempts.discard(archive.store, keys, "reduce", number)

    monkeypatch.setattr("orchestrator.people.forget.mark.time.sleep", leave)
    assert forgetting.forget(archive.store, "Ada", S3).state == "done"
    assert len(waited) == 1
