from pathlib import Path

import pytest

from headcount.broker.client import Broker
from headcount.contract.layout import REDUCE, SPLIT, JobKeys
from headcount.contract.messages import UnitMessage
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.jobs.window import Window
from tests.at_once import AtOnce, add, begin, end
from workers.runtime.unit import Unit
from workers.stages.split import split_faces

KEYS = JobKeys("job")


def test_a_reduce_stage_that_was_done_is_not_begun_again_though_nothing_of_it_is_left() -> None:
    store = MemoryStore()
    for unit in (SPLIT, REDUCE):
        marker = DoneMarker(unit=unit, attempt=1, worker="w", seconds=1)
        store.put(KEYS.done(unit), marker.to_bytes())
    pack = PackRecord.model_construct(pack_id="p")
    broker = Broker("redis://127.0.0.1:1")  # nobody is there: nothing is to be sent
    supervisor = Supervisor(store, "job", broker=broker, settings=Settings(), s3=S3Settings())
    spec = JobSpec.model_construct(job_id="job", priority="normal")
    assert supervisor.stages.reduce(spec, pack).unit == REDUCE


class Killed(BaseException):
    """The end of a process."""


def test_a_reduce_stage_that_was_begun_in_several_tasks_ends_so_though_one_task_would_do_by_now(
    tmp_path: Path,
) -> None:
    def killed_at_the_end(unit: Unit) -> DoneMarker:
        split_faces(unit)
        raise Killed

    spec = begin(add(tmp_path / "photos", one="ada bob", two="ada"), tmp_path / "archive", "1")
    with pytest.raises(Killed):
        end(spec, AtOnce(Settings(reduce_faces=1), split=killed_at_the_end))
    broker = AtOnce(Settings(reduce_faces=1000, lost_seconds=0.1))
    assert end(spec, broker).state == "done"
    assert broker.sent == ["split", "match-0000000", "reduce"]


class Shares(AtOnce):
    """A broker that notes how many units a job may have in flight as each is sent."""

    def __init__(self, window: Window) -> None:
        super().__init__(Settings(reduce_faces=1))
        self.window, self.shares = window, dict[str, int]()

    def send(self, message: UnitMessage) -> None:
        self.shares[message.unit] = self.window.share(message.job_id)
        super().send(message)


def test_the_tasks_of_a_reduce_stage_are_in_flight_side_by_side(tmp_path: Path) -> None:
    spec = begin(add(tmp_path / "photos", one="ada bob", two="ada"), tmp_path / "archive", "1")
    broker = Shares(Window(8))
    supervisor = Supervisor(
        open_store(spec.archive),
        spec.job_id,
        broker=broker,  # type: ignore[arg-type]
        settings=broker.context.settings.model_copy(update={"poll_seconds": 0.001}),
        s3=S3Settings(),
        window=broker.window,
    )
    supervisor.run()
    assert broker.shares["match-0000000"] == 8
    assert broker.shares["reduce"] == 1
