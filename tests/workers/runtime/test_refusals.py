"""Refusals: the reason reaches broker, probe and metrics, and the intake is shut meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from headcount.contract.messages import UnitMessage
from headcount.contract.stored.jobs import DoneMarker, FailedMarker
from headcount.contract.stored.workers import WorkerRefusal
from headcount.errors import FatalError, ObjectDenied, WorkerUnfit
from headcount.jobs import attempts
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.submit import make_spec
from tests.workers.runtime.test_runner import Hearing
from workers.runtime.health import Health
from workers.runtime.refusals import Refusals
from workers.runtime.runner import UnitFailed, run_unit
from workers.runtime.unit import Context, Unit
from workers.stages.seen import require_seen

MESSAGE = {"archive": "file:///a/", "job_id": "j1", "unit": "prepare", "version": 1}
UNFIT = WorkerUnfit("the key is wrong", "store")


class Gate:
    """An intake that is shut until it is opened, or for no time."""

    def __init__(self) -> None:
        self.is_shut = False

    def shut(self, seconds: float) -> bool:
        was, self.is_shut = self.is_shut, seconds > 0
        return not was

    def open(self) -> None:
        self.is_shut = False


class Stage:
    """A worker's refusals, and all who hear of them."""

    def __init__(self, seconds: float = 60) -> None:
        self.broker, self.health, self.gate = Hearing(), Health(), Gate()
        self.shown: list[WorkerRefusal | None] = []
        self.refusals = Refusals("w", self.broker, self.health, self.shown.append)
        self.refusals.pause(self.gate, seconds)
        self.health.ready()

    def rounds(self) -> list[Any]:
        return [beat["round"] for beat in self.broker.heard]


def test_a_refusal_reaches_the_supervisor_the_probe_and_the_metrics() -> None:
    stage = Stage()
    stage.refusals.refuse(MESSAGE, UNFIT)
    [beat] = stage.broker.heard
    assert (beat["state"], beat["worker"]) == ("refused", "w")
    assert (beat["cause"], beat["kind"]) == ("the key is wrong", "store")
    page = stage.health.readiness()
    assert (page.status, page.body) == (503, b"cannot work: the key is wrong\n")
    text = stage.health.metrics.text().decode()
    assert 'headcount_refusals_total{cause="store"} 1.0' in text
    assert "headcount_worker_ready 0.0" in text
    assert stage.gate.is_shut
    assert [refusal and refusal.cause for refusal in stage.shown] == ["the key is wrong"]


def test_a_unit_that_is_done_brings_the_worker_back() -> None:
    stage = Stage()
    stage.refusals.worked()
    assert stage.shown == []
    stage.refusals.refuse(MESSAGE, UNFIT)
    stage.refusals.worked()
    assert stage.health.readiness().status == 200
    assert "headcount_worker_ready 1.0" in stage.health.metrics.text().decode()
    assert not stage.gate.is_shut
    assert stage.shown[-1] is None


@pytest.mark.parametrize(("seconds", "rounds"), [(60, [1, 1, 2]), (0, [1, 2, 3])])
def test_units_that_were_in_hand_together_are_refused_in_one_round(
    seconds: float, rounds: list[int]
) -> None:
    stage = Stage(seconds)
    stage.refusals.refuse(MESSAGE, UNFIT)
    stage.refusals.refuse(MESSAGE | {"unit": "embed-0000001"}, UNFIT)
    stage.gate.open()
    stage.refusals.refuse(MESSAGE, UNFIT)
    assert stage.rounds() == rounds


def test_a_message_of_another_version_is_refused() -> None:
    stage = Stage()
    stage.refusals.refuse_version(MESSAGE | {"version": 7})
    assert (stage.broker.heard[0]["kind"], stage.broker.heard[0]["number"]) == ("version", 1)


class Denied(MemoryStore):
    """An archive to which the right to write is gone, or all rights."""

    def __init__(self, *, readable: bool) -> None:
        super().__init__()
        self._readable = readable

    def get(self, key: str, **more: Any) -> Any:
        if not self._readable:
            raise ObjectDenied(self.uri + key)
        return super().get(key, **more)

    def put(self, key: str, data: bytes) -> str:
        raise FatalError("access is denied")


@pytest.fixture
def context() -> Context:
    return Context(Settings(), S3Settings(), "w")


def fails(unit: Unit) -> DoneMarker:
    raise FatalError("the archive is damaged")


def unfit(unit: Unit) -> DoneMarker:
    raise WorkerUnfit("no such pack", "pack")


def test_a_unit_whose_store_denies_reading_is_refused_before_an_attempt_counts(
    context: Context,
) -> None:
    unit = Unit(context, Denied(readable=False), "j1", "embed-0000001")
    with pytest.raises(WorkerUnfit, match="access denied"):
        run_unit(unit, fails, Hearing())
    assert attempts.count(unit.store, unit.keys, unit.name) == 0


def test_a_failure_that_cannot_be_told_to_the_store_is_a_refusal(context: Context) -> None:
    unit = Unit(context, Denied(readable=True), "j1", "embed-0000001")
    with pytest.raises(WorkerUnfit, match="access is denied"):
        run_unit(unit, fails, Hearing())


def test_a_worker_that_finds_itself_unfit_amid_a_unit_leaves_no_attempt(
    context: Context, tmp_path: Path
) -> None:
    unit = Unit(context, open_store(canonical_uri(str(tmp_path))), "j1", "embed-0000001")
    with pytest.raises(WorkerUnfit, match="no such pack"):
        run_unit(unit, unfit, Hearing())
    assert attempts.count(unit.store, unit.keys, unit.name) == 0


def test_a_unit_that_failed_is_an_error_for_whoever_watches_tasks(
    context: Context, tmp_path: Path
) -> None:
    unit, broker = (
        Unit(context, open_store(canonical_uri(str(tmp_path))), "j1", "reduce"),
        Hearing(),
    )
    with pytest.raises(UnitFailed, match="job j1, reduce: the archive is damaged") as caught:
        run_unit(unit, fails, broker)
    assert (caught.value.job_id, caught.value.unit) == ("j1", "reduce")
    marker = FailedMarker.from_bytes(unit.store.get(unit.keys.failed("reduce")).data)
    assert marker.message == "the archive is damaged"
    assert broker.heard[-1]["state"] == "failed"


def test_a_job_that_is_not_in_the_archive_is_refused(context: Context, tmp_path: Path) -> None:
    uri = canonical_uri(str(tmp_path / "archive"))
    message = UnitMessage(archive=uri, job_id="j1", unit="prepare")
    with pytest.raises(WorkerUnfit, match="there is no job j1"):
        Unit.accepted(message, context)
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("photos", ["file:///elsewhere/", "s3://elsewhere/"])
@pytest.mark.parametrize("name", ["prepare", "embed-0000001"])
def test_photos_outside_the_places_of_one_worker_are_left_to_others(
    photos: str, name: str, tmp_path: Path
) -> None:
    archive = canonical_uri(str(tmp_path / "archive"))
    spec = make_spec(photos=photos, people=None, archive=archive, out=None, settings=Settings())
    context = Context(Settings(), S3Settings(allowed_uris=(archive,)), "w")
    unit = Unit(context, open_store(archive), spec.job_id, name)
    unit.store.put(unit.keys.spec, spec.to_bytes())

    def look(unit: Unit) -> DoneMarker:
        require_seen(unit)
        return unit.done(photos=len(list(unit.collection.list())))

    with pytest.raises(WorkerUnfit, match="is outside the places") as caught:
        run_unit(unit, look, Hearing())
    assert caught.value.kind == "place"
    assert attempts.count(unit.store, unit.keys, unit.name) == 0
