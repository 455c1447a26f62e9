"""What is said of jobs after a rollback."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, PREPARE, ROLLBACKS, JobKeys, PackKeys, commit_key
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import (
    ArchiveRecord,
    CommitRecord,
    LastCommitRecord,
    ModelChoice,
)
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.archive.rollback import roll_back
from orchestrator.commands import diff, jobs
from orchestrator.jobs.submit import make_spec
from orchestrator.people.latest_assignments import finished_jobs
from tests.packs import made_up_pack

PACK = PackKeys("p")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An archive with the jobs 1, 3 and 2, committed in this order though no table changed."""
    store = open_store(str(tmp_path))
    model = ModelChoice(name="m", pack_id="p")
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    schemas = {PACK.photos: PHOTOS, PACK.faces: faces_schema(2), PACK.gallery: gallery_schema(2)}
    tables = [Table(store.uri, key, S3Settings()) for key in schemas]
    for table, schema in zip(tables, schemas.values(), strict=True):
        table.create(schema)
    for job_id in ("1", "3", "2"):
        photos, faces, gallery = (table.version for table in tables)
        record = CommitRecord(pack_id="p", photos=photos, faces=faces, gallery=gallery, at=now())
        store.put(JobKeys(job_id).commit, record.to_bytes())
        ended(store, job_id)
    return store


def ended(store: Store, job_id: str, pack_id: str = "p") -> None:
    keys = JobKeys(job_id)
    spec = make_spec(
        photos=store.uri, people=None, archive=store.uri, out=None, settings=Settings()
    )
    store.put(keys.spec, spec.model_copy(update={"job_id": job_id}).to_bytes())
    pack = made_up_pack(pack_id)
    prepared = DoneMarker(unit=PREPARE, attempt=1, worker="w", seconds=1, pack=pack)
    store.put(keys.done(PREPARE), prepared.to_bytes())
    end = FinishedRecord(job_id=job_id, state="done", finished=now(), out="")
    store.put(keys.finished, end.to_bytes())
    of = collection_id(spec.photos or "")
    store.put(commit_key(of), LastCommitRecord(job_id=job_id, made=True).to_bytes())
    history.write_assignments(
        store, PackKeys(pack_id), of, job_id, history.ASSIGNMENTS.empty_table()
    )


def said(command: object, store: Store) -> str:
    result = CliRunner().invoke(command, ["--archive", store.uri, "--json"])  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_rollback_undoes_what_was_committed_later_whatever_the_ids(store: Store) -> None:
    assert roll_back(store, "3", S3Settings()) == ["2"]
    [of] = history.collections_of(store, PACK)
    assert history.job_ids(store, PACK.assignment_folder(of)) == ["1", "3"]
    assert find_record(store, commit_key(of), LastCommitRecord) is None


def test_an_undone_job_is_shown_as_such_and_passed_over(store: Store) -> None:
    roll_back(store, "3", S3Settings())
    states = {job["job_id"]: job["state"] for job in json.loads(said(jobs.command, store))}
    assert states == {"1": "done", "2": "undone", "3": "done"}
    assert finished_jobs(store) == ["1", "3"]
    compared = json.loads(said(diff.command, store))
    assert (compared["job_a"], compared["job_b"]) == ("1", "3")


def test_a_rollback_to_an_undone_job_says_that_it_was_undone(store: Store) -> None:
    roll_back(store, "3", S3Settings())
    with pytest.raises(FatalError, match="undone by a rollback"):
        roll_back(store, "2", S3Settings())
    assert len(list(store.list(ROLLBACKS))) == 1


def test_the_last_two_jobs_are_of_one_pack_and_no_other_roll_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(store, "4", "beside")
    ended(store, "5")
    read: list[str | None] = []
    whole = history.read_assignments

    def noted(store: Store, keys: PackKeys, collection: str, job_id: str | None) -> pa.Table:
        read.append(job_id)
        return whole(store, keys, collection, job_id)

    monkeypatch.setattr(history, "read_assignments", noted)
    compared = json.loads(said(diff.command, store))
    assert (compared["job_a"], compared["job_b"]) == ("2", "5")
    assert read == ["2", "5"]
