"""Requests of rematches: from a collection's latest job, and what is said in place of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headcount.assignments.history import ASSIGNMENTS, write_table
from headcount.collections.photos import collection_id
from headcount.contract.layout import REDUCE, JobKeys, PackKeys
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.jobs import (
    DoneMarker,
    FinishedRecord,
    FirstLookRecord,
    JobSpec,
    SplitRecord,
)
from headcount.contract.vocabulary import Outcome
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.jobs.first_look import go_on_with_all
from orchestrator.jobs.rematch import (
    interrupted_rematch,
    latest_of,
    rematch_spec,
    submit_rematch,
)
from orchestrator.jobs.submit import interrupted_job, make_spec

PACK = "p1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "archive"))


def ended(store: Store, folder: Path, name: str = "photos", **wishes: Any) -> JobSpec:
    """A run over a folder that is not there any more, with results under the pack."""
    spec = make_spec(
        photos=str(folder / name),
        people=None,
        archive=store.uri,
        out=str(folder / "out"),
        settings=Settings(),
        **wishes,
    )
    store.put(JobKeys(spec.job_id).spec, spec.to_bytes())
    key = PackKeys(PACK).assignments(collection_id(spec.photos or ""), spec.job_id)
    write_table(store, key, ASSIGNMENTS.empty_table())
    return spec


def finish(store: Store, job_id: str, state: str) -> None:
    end = {"job_id": job_id, "state": state, "finished": now(), "out": "o"}
    store.put(JobKeys(job_id).finished, FinishedRecord.model_validate(end).to_bytes())


def test_a_rematch_asks_for_what_the_latest_job_asked_for(store: Store, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("photo,person\na.jpg,Ada\n")
    latest = ended(
        store,
        tmp_path,
        purity=0.8,
        profile="thorough",
        expected=str(roster),
        formats=("csv",),
        reread="all",
        worker_hours=2.0,
    ).model_copy(update={"people": "file:///people/", "retries": (Outcome.MISSING,)})
    spec = rematch_spec(store, latest, PACK)
    assert spec.rematch == PACK
    assert (spec.purity, spec.profile, spec.formats) == (0.8, "thorough", ("parquet", "csv"))
    assert (spec.photos, spec.expected) == (latest.photos, latest.expected)
    assert (spec.people, spec.reread, spec.worker_hours, spec.retries) == (None, None, None, ())
    assert spec.annotate == 0
    assert spec.out == f"{store.uri}jobs/{spec.job_id}/results/", "not over the run's own results"
    submit_rematch(store, spec, latest, S3Settings())  # though the photos are not there
    assert read_record(store, JobKeys(spec.job_id).spec, JobSpec) == spec


def test_what_is_said_takes_the_place_of_what_the_latest_job_asked_for(
    store: Store, tmp_path: Path
) -> None:
    latest = ended(store, tmp_path, expected=str(tmp_path / "old.csv"))
    spec = rematch_spec(
        store, latest, PACK, out=str(tmp_path / "x"), expected="", purity=0.0, priority=None
    )
    assert (spec.expected, spec.purity, spec.priority) == (None, 0.0, "normal")
    assert spec.out == f"{tmp_path.as_uri()}/x/"
    other = rematch_spec(store, latest, PACK, expected=str(tmp_path / "new list.csv"))
    assert other.expected == f"{tmp_path.as_uri()}/new%20list.csv"


def test_an_archive_that_was_moved_is_rematched_where_it_lies(store: Store, tmp_path: Path) -> None:
    latest = ended(store, tmp_path)
    moved = (tmp_path / "archive").rename(tmp_path / "moved")
    there = open_store(str(moved))
    spec = rematch_spec(there, latest_of(there, PACK, None), PACK)
    assert spec.archive == there.uri != latest.archive


def test_the_only_collection_need_not_be_said_and_of_several_one_must_be(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(FatalError, match="no results yet"):
        latest_of(store, PACK, None)
    one = ended(store, tmp_path)
    assert latest_of(store, PACK, None) == latest_of(store, PACK, one.photos) == one
    two = ended(store, tmp_path, "others")
    with pytest.raises(FatalError, match=r"say which one(.|\n)*/others/\n.*/photos/"):
        latest_of(store, PACK, None)
    assert latest_of(store, PACK, str(tmp_path / "others")) == two
    with pytest.raises(FatalError, match="no results of elsewhere"):
        latest_of(store, PACK, "elsewhere")
    with pytest.raises(FatalError, match="no results yet"):
        latest_of(store, "another-pack", None)


def submitted(store: Store, latest: JobSpec, **wishes: Any) -> JobSpec:
    spec = rematch_spec(store, latest, PACK, **wishes)
    submit_rematch(store, spec, latest, S3Settings())
    return spec


def test_the_same_rematch_goes_on_until_it_has_begun_to_match(store: Store, tmp_path: Path) -> None:
    latest = ended(store, tmp_path)
    first = submitted(store, latest)
    assert interrupted_rematch(store, rematch_spec(store, latest, PACK)) == first.job_id
    assert interrupted_rematch(store, rematch_spec(store, latest, PACK, purity=1.0)) is None
    finish(store, first.job_id, "failed")
    assert interrupted_rematch(store, rematch_spec(store, latest, PACK)) == first.job_id
    finish(store, first.job_id, "done")
    assert interrupted_rematch(store, rematch_spec(store, latest, PACK)) is None


@pytest.mark.parametrize("what", ["split", "reduce"])
def test_a_rematch_that_has_begun_to_match_lacks_later_answers_and_is_not_gone_on_with(
    store: Store, tmp_path: Path, what: str
) -> None:
    latest = ended(store, tmp_path)
    keys = JobKeys(submitted(store, latest).job_id)
    split = SplitRecord(faces_version=1, gallery_version=1, parts=(), faces=0, groups=())
    marker = DoneMarker(unit=REDUCE, attempt=1, worker="w", seconds=1)
    key, record = (keys.split, split) if what == "split" else (keys.done(REDUCE), marker)
    store.put(key, record.to_bytes())
    assert interrupted_rematch(store, rematch_spec(store, latest, PACK)) is None


def test_a_run_that_was_cut_off_is_found_though_rematches_came_after_it(
    store: Store, tmp_path: Path
) -> None:
    run = ended(store, tmp_path)
    submitted(store, run)
    later = {"job_id": "9", "created": run.created + timedelta(hours=1)}
    assert interrupted_job(store, run.model_copy(update=later)) == run.job_id


def test_a_rematch_after_a_first_look_is_of_the_same_photos(store: Store, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("scope,person,needed\na/,Ada,some\nb/,Ben,some\na/1.jpg,Cy,every\n")
    look = ended(store, tmp_path, first=2)
    drawn = FirstLookRecord(photos=("a/1.jpg", "b/2.jpg"), total=9, scopes={"b/": 1})
    store.put(JobKeys(look.job_id).first_look, drawn.to_bytes())
    spec = submitted(store, look, expected=str(roster))
    kept = read_record(store, JobKeys(spec.job_id).first_look, FirstLookRecord)
    assert kept.photos == drawn.photos
    assert kept.scopes == {"a/": 9, "b/": 1}, "a scope that nobody counted is drawn in part"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"x")
    whole = go_on_with_all(store, spec, Settings(), S3Settings())
    assert (whole.first, whole.rematch) == (None, None)
    assert find_record(store, JobKeys(whole.job_id).first_look, FirstLookRecord) is None
