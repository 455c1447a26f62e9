"""A worker that is late writes nothing of a person who was forgotten since it began."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headcount.broker.client import RELEASED, Broker
from headcount.contract.forgotten import ForgettingRecord, ForgottenRecord, tombstone_key
from headcount.contract.layout import FORGETTING
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import ControlRecord, DoneMarker, FailedMarker
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.jobs import attempts
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from headcount.tables.schemas import gallery_schema
from headcount.tables.table import Table
from tests.made_up import made_up_archive
from workers.app import WORK
from workers.people.gallery import load_gallery
from workers.runtime import fenced_store as confirmed
from workers.runtime.fenced_store import FencedStore
from workers.runtime.runner import run_unit
from workers.runtime.unit import Context, Unit, UnitReleased
from workers.stages.reduce import reduce_job

ADA = person_id("Ada")


class Heard(Broker):
    """A broker that keeps the heartbeats."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def send_heartbeat(self, job_id: str, unit: str, state: dict[str, Any]) -> None:
        """Keeps one."""
        self.states.append(state["state"])


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    store = open_store(canonical_uri(str(tmp_path)))
    return Unit(Context(Settings(), S3Settings(), "w"), store, "j1", "reduce")


def mark(unit: Unit) -> None:
    unit.store.put(FORGETTING, ForgettingRecord(person_id=ADA, at=now()).to_bytes())


def bury(unit: Unit) -> None:
    stone = ForgottenRecord(person_id=ADA, at=now(), state="done")
    unit.store.put(tombstone_key(ADA), stone.to_bytes())


def cancel(unit: Unit) -> None:
    flag = ControlRecord(state="cancelled", since=now())
    unit.store.put(unit.keys.control, flag.to_bytes())


def finish(unit: Unit) -> None:
    unit.store.put(unit.keys.done(unit.name), unit.done(seconds=0.0).to_bytes())


@pytest.mark.parametrize("change", [mark, bury, cancel, finish])
def test_what_changed_since_a_unit_began_keeps_it_from_writing(
    unit: Unit, change: Callable[[Unit], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmed, "CONFIRMED_SECONDS", 0.0)
    written: list[str] = []

    def work(unit: Unit) -> DoneMarker:
        results = FencedStore(unit.confirm, unit.store)
        results.put("out/first", b"")
        written.append("first")
        change(unit)
        results.put("out/second", b"")
        raise AssertionError("was written")

    broker = Heard()
    run_unit(unit, work, broker)
    assert written == ["first"]
    assert broker.states[-1] == RELEASED
    assert [info.key for info in unit.store.list("out/")] == ["out/first"]
    assert attempts.count(unit.store, unit.keys, unit.name) == 0


@pytest.mark.parametrize("change", [mark, bury, cancel])
def test_a_late_unit_leaves_no_done_marker(unit: Unit, change: Callable[[Unit], None]) -> None:
    def work(unit: Unit) -> DoneMarker:
        change(unit)
        return unit.done(seconds=0.0)

    run_unit(unit, work, Heard())
    assert find_record(unit.store, unit.keys.done(unit.name), DoneMarker) is None


@pytest.mark.parametrize("change", [mark, bury, cancel])
def test_a_late_unit_that_fails_quotes_nobody(unit: Unit, change: Callable[[Unit], None]) -> None:
    def work(unit: Unit) -> DoneMarker:
        change(unit)
        raise FatalError("Ada/1.jpg shows no face")

    broker = Heard()
    run_unit(unit, work, broker)
    assert find_record(unit.store, unit.keys.failed(unit.name), FailedMarker) is None
    assert broker.states[-1] == RELEASED


def test_no_unit_begins_while_a_person_is_being_forgotten(unit: Unit) -> None:
    mark(unit)
    broker = Heard()

    def work(unit: Unit) -> DoneMarker:
        raise AssertionError("has begun")

    run_unit(unit, work, broker)
    assert broker.states == [RELEASED]


def test_whom_a_late_worker_put_back_is_not_in_the_gallery_that_is_read(tmp_path: Path) -> None:
    table = Table(tmp_path.as_uri() + "/", "gallery.lance", S3Settings())
    table.create(gallery_schema(4))
    rows = [
        {
            "person_id": person_id(name),
            "person": name,
            "source": "s",
            "photo": f"{name}.jpg",
            **dict.fromkeys("xywh", 1.0),
            "descriptor": np.eye(4, dtype=np.float32)[0],
        }
        for name in ("Ada", "Grace")
    ]
    table.append(pa.Table.from_pylist(rows, schema=gallery_schema(4)))
    assert load_gallery(table, cosine_per_decade=0.05).names == ("Ada", "Grace")
    assert load_gallery(table, cosine_per_decade=0.05, forgotten={ADA}).names == ("Grace",)


def test_a_cancelled_reduce_stage_writes_no_results(tmp_path: Path) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 30, fragments=1)
    context = Context(Settings(), S3Settings(), "w")
    unit = Unit(context, open_store(spec.archive), spec.job_id, "reduce")
    cancel(unit)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UnitReleased):
        reduce_job(unit)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("change", [mark, bury, cancel])
def test_a_late_task_of_the_reduce_stage_hands_nothing_on(
    tmp_path: Path, change: Callable[[Unit], None]
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 30, fragments=1)
    context, store = Context(Settings(), S3Settings(), "w"), open_store(spec.archive)

    def do(name: str, *, late: bool) -> list[str]:
        unit = Unit(context, store, spec.job_id, name, began_with=frozenset())
        if late:
            change(unit)
            with pytest.raises(UnitReleased):
                WORK[name.split("-", maxsplit=1)[0]](unit)
        else:
            WORK[name](unit)
        return [info.key for info in store.list(unit.keys.handed_on)]

    before = do("split", late=False)
    assert do("match-0000000", late=True) == before
    for key in before:
        store.delete(key)
    assert do("split", late=True) == []
