from pathlib import Path

import pytest

from headcount.broker.client import Broker
from headcount.contract.layout import GATHER, REDUCE, JobKeys
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import DoneMarker
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.supervisor import Supervisor
from tests.at_once import AtOnce, add, begin, end
from workers.runtime.unit import Unit
from workers.stages.split import gather_faces

KEYS = JobKeys("job")


def test_a_reduce_stage_that_was_done_is_not_begun_again_though_nothing_of_it_is_left() -> None:
    store = MemoryStore()
    for unit in (GATHER, REDUCE):
        marker = DoneMarker(unit=unit, attempt=1, worker="w", seconds=1)
        store.put(KEYS.done(unit), marker.to_bytes())
    pack = PackRecord.model_construct(pack_id="p")
    broker = Broker("redis://127.0.0.1:1")  # nobody is there: nothing is to be sent
    supervisor = Supervisor(store, "job", broker=broker, settings=Settings(), s3=S3Settings())
    assert supervisor.stages.reduce(pack).unit == REDUCE


class Killed(BaseException):
    """The end of a process."""


def test_a_reduce_stage_that_was_begun_in_several_tasks_ends_so_though_one_task_would_do_by_now(
    tmp_path: Path,
) -> None:
    def killed_at_the_end(unit: Unit) -> DoneMarker:
        gather_faces(unit)
        raise Killed

    spec = begin(add(tmp_path / "photos", one="ada bob", two="ada"), tmp_path / "archive", "1")
    with pytest.raises(Killed):
        end(spec, AtOnce(Settings(reduce_faces=1), gather=killed_at_the_end))
    broker = AtOnce(Settings(reduce_faces=1000, lost_seconds=0.1))
    assert end(spec, broker).state == "done"
    assert broker.sent == ["gather", "match-0000000", "reduce"]
