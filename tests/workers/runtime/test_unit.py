from pathlib import Path

import pytest

from headcount.contract.layout import PREPARE
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import DoneMarker
from headcount.errors import FatalError, WorkerUnfit
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import made_up_archive
from tests.workers.stages.no_models import NoModels
from workers.runtime.unit import Context, Unit, UnitReleased


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    store = open_store(str(tmp_path))
    return Unit(Context(Settings(), S3Settings(), "me"), store, "j1", "match-0000012")


def test_a_unit_is_the_one_that_its_message_names(tmp_path: Path) -> None:
    uri = open_store(str(tmp_path)).uri
    message = UnitMessage(archive=uri, job_id="j1", unit="join-0000003")
    unit = Unit.of(message, Context(Settings(), S3Settings(), "me"))
    assert (unit.store.uri, unit.job_id, unit.name, unit.number) == (uri, "j1", "join-0000003", 3)


def test_a_done_marker_says_who_did_the_unit_in_which_attempt(unit: Unit) -> None:
    unit.attempt = 2
    marker = unit.done(seconds=1.5, photos=3)
    assert (marker.unit, marker.attempt, marker.worker) == ("match-0000012", 2, "me")
    assert (marker.seconds, marker.photos) == (1.5, 3)


def test_a_unit_is_released_only_once_it_is_requested_to_stop(unit: Unit) -> None:
    unit.raise_if_stopped()
    unit.stop_requested.set()
    with pytest.raises(UnitReleased):
        unit.raise_if_stopped()


def test_photos_are_counted_for_the_heartbeat(unit: Unit) -> None:
    unit.count_photo()
    unit.count_photo()
    assert unit.photos == 2


def test_a_job_that_is_not_there_says_what_may_be_wrong(unit: Unit) -> None:
    with pytest.raises(FatalError, match=r"there is no job j1 .* same storage"):
        _ = unit.spec


def test_the_reduce_stage_knows_its_pack_by_the_first_unit_and_loads_no_model(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 3, fragments=1)
    store, context = open_store(spec.archive), NoModels(Settings(), S3Settings(), "me")
    unit = Unit(context, store, spec.job_id, "reduce")
    prepared = find_record(store, unit.keys.done(PREPARE), DoneMarker)
    assert prepared is not None
    assert unit.record == prepared.pack
    with pytest.raises(AssertionError, match="was loaded"):
        _ = Unit(context, store, spec.job_id, "embed-0000000").record


def test_a_pack_that_may_be_elsewhere_is_the_workers_fault_and_a_mistyped_name_the_jobs(
    unit: Unit, tmp_path: Path
) -> None:
    with pytest.raises(WorkerUnfit, match="there is no model pack"):
        unit.context.pack(str(tmp_path / "packs"))
    with pytest.raises(FatalError, match="there is no model pack bufalo") as error:
        unit.context.pack("bufalo")
    assert not isinstance(error.value, WorkerUnfit)
