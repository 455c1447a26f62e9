from pathlib import Path

import pytest

from headcount.contract.layout import CONDITIONAL, JobKeys
from headcount.contract.record import now
from headcount.contract.stored.jobs import FinishedRecord, JobSpec
from headcount.errors import FatalError
from headcount.s3_settings import S3Place, S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.submit import _try_conditional_writes, interrupted_job, make_spec, submit


def spec(folder: Path, **more: object) -> JobSpec:
    (folder / "photos").mkdir(exist_ok=True)
    (folder / "photos" / "a b.jpg").write_bytes(b"x")
    return make_spec(
        photos=str(folder / "photos"),
        people=None,
        archive=str(folder / "archive"),
        out=str(folder / "out"),
        settings=Settings(),
        **more,  # type: ignore[arg-type]
    )


def finish(folder: Path, job: JobSpec, state: str) -> None:
    record = {"job_id": job.job_id, "state": state, "finished": now(), "out": job.out}
    store = open_store(str(folder / "archive"))
    store.put(JobKeys(job.job_id).finished, FinishedRecord.model_validate(record).to_bytes())


def test_every_uri_of_a_spec_is_canonical(tmp_path: Path) -> None:
    (tmp_path / "my list.csv").write_text("photo,person\n")
    made = spec(tmp_path, expected=str(tmp_path / "my list.csv"))
    assert made.photos == f"{tmp_path.as_uri()}/photos/"
    assert made.expected == f"{tmp_path.as_uri()}/my%20list.csv"
    submit(made, S3Settings())


def test_results_lie_in_the_archive_unless_told_otherwise(tmp_path: Path) -> None:
    made = make_spec(
        photos=str(tmp_path), people=None, archive="s3://a/b", out=None, settings=Settings()
    )
    assert made.out == f"s3://a/b/jobs/{made.job_id}/results/"


def test_a_list_of_the_expected_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="expected"):
        submit(spec(tmp_path, expected=str(tmp_path / "none.csv")), S3Settings())


def test_a_roster_with_bad_lines_is_refused_at_once_with_all_of_them(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("scope,person,needed\na.jpg,Ada,\na.jpg,Ben,never\n*,Cy,twice\n")
    with pytest.raises(FatalError, match=r"line 3: needed is(.|\n)*line 4: needed is"):
        submit(spec(tmp_path, expected=str(roster)), S3Settings())


def test_a_job_that_was_begun_and_not_ended_is_gone_on_with(tmp_path: Path) -> None:
    first = spec(tmp_path)
    store = submit(first, S3Settings())
    assert interrupted_job(store, spec(tmp_path)) == first.job_id
    finish(tmp_path, first, "failed")
    assert interrupted_job(store, spec(tmp_path)) == first.job_id
    finish(tmp_path, first, "done")
    assert interrupted_job(store, spec(tmp_path)) is None


def test_a_request_for_something_else_is_a_job_of_its_own(tmp_path: Path) -> None:
    store = submit(spec(tmp_path), S3Settings())
    other = spec(tmp_path).model_copy(update={"annotate": 1})
    assert interrupted_job(store, other) is None


def test_a_night_of_rereading_that_was_cut_off_is_gone_on_with_and_the_next_is_another(
    tmp_path: Path,
) -> None:
    first = spec(tmp_path, reread=100)
    store = submit(first, S3Settings())
    assert interrupted_job(store, spec(tmp_path, reread=100)) == first.job_id
    assert interrupted_job(store, spec(tmp_path, reread="all")) is None
    assert interrupted_job(store, spec(tmp_path)) is None
    finish(tmp_path, first, "done")
    assert interrupted_job(store, spec(tmp_path, reread=100)) is None


def test_an_archive_that_moved_to_another_store_of_its_own_is_tried_again() -> None:
    class Ignoring(MemoryStore):
        def put_new(self, key: str, data: bytes) -> bool:
            self.put(key, data)
            return True

    def at(url: str) -> S3Settings:
        return S3Settings(places=(S3Place(uri="s3://nas/", endpoint_url=url),))

    before = MemoryStore("s3://nas/main/")
    _try_conditional_writes(before, at("http://here:1"))
    moved = Ignoring("s3://nas/main/")
    moved.put(CONDITIONAL, before.get(CONDITIONAL).data)
    _try_conditional_writes(moved, at("http://here:1"))
    with pytest.raises(FatalError, match="ignores the condition"):
        _try_conditional_writes(moved, at("http://there:2"))
