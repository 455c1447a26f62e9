from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, PREPARE, JobKeys, PackKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord, ShardManifest
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.archive.catalogue import job_ids
from orchestrator.commands import jobs
from orchestrator.commands.retry import command
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import make_spec, submit
from tests.packs import made_up_pack

OUTCOMES = {
    "a.jpg": "faces",
    "b.jpg": "unreadable",
    "c.jpg": "no_face",
    "d.jpg": "crashed",
    "e.jpg": "denied",
}


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    """A job whose photos the archive knows, each with an outcome."""
    (tmp_path / "photos").mkdir()
    for name in OUTCOMES:
        (tmp_path / "photos" / name).write_bytes(b"x")
    made = make_spec(
        photos=str(tmp_path / "photos"),
        people=None,
        archive=str(tmp_path / "archive"),
        out=str(tmp_path / "out"),
        settings=Settings(),
    )
    store = submit(made, S3Settings())
    first = ArchiveRecord(created=now(), model=ModelChoice(name="m", pack_id="m-1"))
    store.put(ARCHIVE, first.to_bytes())
    rows = []
    for info in open_store(made.photos or "").list():
        row = dict.fromkeys(PHOTOS.names)
        row |= {
            "collection": collection_id(made.photos or ""),
            "photo": info.key,
            "etag": info.etag,
            "bytes": info.size,
            "outcome": OUTCOMES[info.key],
            "profile": "balanced",
        }
        rows.append(row)
    table = Table(store.uri, PackKeys("m-1").photos, S3Settings())
    table.create(PHOTOS)
    table.append(pa.Table.from_pylist(rows, PHOTOS))
    return made


@pytest.fixture
def store(spec: JobSpec) -> Store:
    return open_store(spec.archive)


def planned(store: Store, job_id: str) -> tuple[PlanRecord, list[str]]:
    keys = JobKeys(job_id)
    plan = read_record(store, keys.plan, PlanRecord)
    manifests = [
        read_record(store, info.key, ShardManifest) for info in store.list(f"{keys.root}shards/")
    ]
    return plan, [photo.key for manifest in manifests for photo in manifest.photos]


def test_a_retry_is_a_job_over_exactly_the_photos_with_these_outcomes(
    store: Store, spec: JobSpec
) -> None:
    asked = [spec.job_id, "--archive", spec.archive, "--outcome", "unreadable,crashed"]
    said = CliRunner().invoke(command, asked)
    assert said.exit_code == 0, said.output
    job = said.stdout.strip()
    plan, photos = planned(store, job)
    assert photos == ["b.jpg", "d.jpg"]
    assert (plan.photos, plan.changed, plan.known, plan.replaced_lists) == (5, 2, 3, 1)
    assert read_record(store, JobKeys(job).spec, JobSpec).out == spec.out


def test_a_retry_is_not_held_to_the_time_that_its_job_had(store: Store, spec: JobSpec) -> None:
    late = {"until": "06:00", "ends": now(), "worker_hours": 1.0}
    store.put(JobKeys(spec.job_id).spec, spec.model_copy(update=late).to_bytes())
    said = CliRunner().invoke(command, [spec.job_id, "--archive", spec.archive])
    again = read_record(store, JobKeys(said.stdout.strip()).spec, JobSpec)
    assert (again.until, again.ends, again.worker_hours) == (None, None, None)


def test_the_retry_of_a_rematch_is_a_run(store: Store, spec: JobSpec) -> None:
    rematch = spec.model_copy(update={"job_id": "rematch", "rematch": "m-1"})
    store.put(JobKeys("rematch").spec, rematch.to_bytes())
    said = CliRunner().invoke(command, ["rematch", "--archive", spec.archive])
    assert said.exit_code == 0, said.output
    assert read_record(store, JobKeys(said.stdout.strip()).spec, JobSpec).rematch is None


def test_with_nothing_to_retry_no_job_is_made(store: Store, spec: JobSpec) -> None:
    before = list(job_ids(store))
    asked = [spec.job_id, "--archive", spec.archive, "--outcome", "too_large"]
    said = CliRunner().invoke(command, asked)
    assert (said.exit_code, said.stdout) == (0, "")
    assert "nothing to try again" in said.output
    assert list(job_ids(store)) == before


def test_what_is_no_failure_cannot_be_retried(spec: JobSpec) -> None:
    asked = [spec.job_id, "--archive", spec.archive, "--outcome", "faces"]
    said = CliRunner().invoke(command, asked)
    assert said.exit_code == 2
    assert "unreadable" in said.output


def test_the_next_run_tries_what_may_have_changed_and_what_was_repaired_and_nothing_else(
    store: Store, spec: JobSpec
) -> None:
    again = spec.model_copy(update={"job_id": "second"})
    plan_job(store, again, S3Settings())
    assert planned(store, "second")[1] == ["e.jpg"]  # denied: the same file may be readable now
    open_store(spec.photos or "").put("b.jpg", b"repaired")
    third = spec.model_copy(update={"job_id": "third"})
    plan_job(store, third, S3Settings())
    assert planned(store, "third")[1] == ["b.jpg", "e.jpg"]


def test_what_a_retry_left_that_died_while_it_planned_is_no_job(
    store: Store, spec: JobSpec
) -> None:
    store.put(JobKeys("20990101-000000-aaaaaa").shard("embed-0000000"), b"{}")
    listed = CliRunner().invoke(jobs.command, ["--archive", spec.archive], standalone_mode=False)
    assert listed.exception is None
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [spec.job_id]


def test_the_retry_of_a_job_beside_goes_by_what_its_own_pack_found(
    store: Store, spec: JobSpec
) -> None:
    pack = made_up_pack("m-2")
    marker = DoneMarker(unit=PREPARE, attempt=1, worker="w", seconds=0, pack=pack)
    store.put(JobKeys(spec.job_id).done(PREPARE), marker.to_bytes())
    rows = Table(store.uri, PackKeys("m-1").photos, S3Settings()).read(PHOTOS.names)
    beside = Table(store.uri, PackKeys("m-2").photos, S3Settings())
    beside.create(PHOTOS)
    beside.append(rows.filter(pc.is_in(rows["photo"], pa.array(["a.jpg", "e.jpg"]))))
    said = CliRunner().invoke(command, [spec.job_id, "--archive", spec.archive])
    plan, photos = planned(store, said.stdout.strip())
    assert (plan.photos, photos) == (2, ["e.jpg"])


def test_where_no_photo_was_ever_taken_in_the_job_is_to_be_resumed_instead(
    store: Store, spec: JobSpec
) -> None:
    Table(store.uri, PackKeys("m-1").photos, S3Settings()).delete("true")
    asked = [spec.job_id, "--archive", spec.archive]
    said = CliRunner().invoke(command, asked, standalone_mode=False)
    assert "headcount resume" in str(said.exception)
    assert list(job_ids(store)) == [spec.job_id]
