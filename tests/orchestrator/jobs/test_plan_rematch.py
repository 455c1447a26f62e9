"""Plans of rematches: the archive's photos, none of which is looked at."""

import shutil
from pathlib import Path

import pytest

from headcount.contract import reading
from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import JobSpec, PlanRecord
from headcount.errors import FatalError
from headcount.rosters import scopes
from headcount.storage import Store, open_store
from orchestrator.jobs import roster
from orchestrator.jobs.commit_in_turn import current_plan
from orchestrator.jobs.plan_rematch import plan_rematch
from orchestrator.jobs.rematch import rematch_spec
from tests.orchestrator.jobs.older import OUTCOMES, PACK, S3, archive_of_first_reading


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    """A rematch of an archive whose photos are gone."""
    made = archive_of_first_reading(tmp_path)
    shutil.rmtree(tmp_path / "photos")
    return rematch_spec(open_store(made.archive), made, PACK.pack_id)


@pytest.fixture
def store(spec: JobSpec) -> Store:
    return open_store(spec.archive)


def test_every_photo_of_the_archive_is_known_and_none_is_planned(
    store: Store, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READING", 2)
    plan = current_plan(store, spec, S3, fence=lambda: None)
    assert plan == read_record(store, JobKeys(spec.job_id).plan, PlanRecord)
    assert (plan.photos, plan.known, plan.bytes) == (len(OUTCOMES), len(OUTCOMES), len(OUTCOMES))
    assert (plan.new, plan.changed, plan.removed) == (0, 0, 0)
    assert (plan.shards, plan.planned_photos, plan.replaced_lists) == (0, 0, 0)
    assert (plan.older_reading, plan.reread) == (len(OUTCOMES), 0)
    assert plan.after == "first"
    assert not list(store.list(f"{JobKeys(spec.job_id).root}shards/"))


def test_a_collection_of_which_the_archive_has_no_photo_is_refused(
    store: Store, spec: JobSpec
) -> None:
    other = spec.model_copy(update={"photos": "file:///elsewhere/"})
    with pytest.raises(FatalError, match="no photos of file:///elsewhere/"):
        plan_rematch(store, other, S3)


def test_a_roster_that_expects_too_much_is_refused_before_anything_is_matched(
    store: Store, spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "roster.csv").write_text("scope,person\n*,Ada\n")
    asked = spec.model_copy(update={"expected": (tmp_path / "roster.csv").as_uri()})
    assert plan_rematch(store, asked, S3).photos == len(OUTCOMES)
    for module in (roster, scopes):
        monkeypatch.setattr(module, "MAX_ROWS", 3)
    monkeypatch.setattr(scopes.check_rows, "__defaults__", (3,))
    with pytest.raises(FatalError, match="expects people in 9 photos"):
        plan_rematch(store, asked, S3)
