import shutil
from pathlib import Path

import numpy as np
import pytest

from headcount.contract.record import read_record
from headcount.contract.stored.jobs import SplitRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.storage.memory import MemoryStore
from headcount.tables.schemas import faces_schema
from tests.made_up import made_up_archive
from tests.running import comparable, table
from workers.app import WORK
from workers.models.base import ModelPack
from workers.runtime.unit import Context, Unit
from workers.stages.exchange import hand_on, handed
from workers.stages.split import parts_of


def test_fragments_are_shared_out_whole_and_no_part_is_larger_than_it_must_be() -> None:
    assert parts_of({0: 5, 1: 5, 4: 1, 7: 30, 8: 2}, 10) == ((0, 1), (4,), (7,), (8,))
    assert parts_of({3: 5}, 10) == ((3,),)
    assert parts_of({}, 10) == ()


def test_what_is_handed_on_arrives_as_it_was() -> None:
    store = MemoryStore()
    hand_on(store, "a.npz", key=np.arange(3), half=np.ones((2, 4), np.float16))
    arrays = handed(store, "a.npz")
    assert arrays["key"].tolist() == [0, 1, 2]
    assert arrays["half"].dtype == np.float16
    assert arrays["half"].shape == (2, 4)


@pytest.mark.parametrize("data", [b"", b"no such thing", b"PK\x03\x04 cut off"])
def test_what_was_damaged_says_what_to_do(data: bytes) -> None:
    store = MemoryStore()
    store.put("a.npz", data)
    with pytest.raises(FatalError, match=r"a\.npz is damaged .* resume"):
        handed(store, "a.npz")


class NoModels(Context):
    """A worker that has no model at hand."""

    def pack(self, name: str) -> ModelPack:
        raise AssertionError(f"{name} was loaded")


def test_few_faces_in_tasks_are_what_they_are_in_one_and_no_task_needs_a_model(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 120, fragments=4)

    def do(name: str) -> Unit:
        context = NoModels(Settings(reduce_faces=70), S3Settings(), "test")
        unit = Unit(context, open_store(spec.archive), spec.job_id, name)
        unit.store.delete(unit.keys.done(name))  # of an attempt before
        unit.store.put(unit.keys.done(name), WORK[name.split("-", maxsplit=1)[0]](unit).to_bytes())
        return unit

    names = ("faces", "clusters", "people")
    do("reduce")
    whole = [comparable(table(tmp_path, name)) for name in names]
    unit = do("gather")
    split = read_record(unit.store, unit.keys.split, SplitRecord)
    assert len(split.parts) == 2
    assert split.groups == (), "every pair of so few is compared"
    for part in range(2):
        do(f"match-{part:07}")
    shutil.rmtree(tmp_path / "archive/packs" / unit.record.pack_id / "rolls")
    do("reduce")
    assert [comparable(table(tmp_path, name)) for name in names] == whole


def test_a_second_gather_keeps_to_what_the_first_settled_though_faces_came_meanwhile(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 120, fragments=4)

    def unit_of(faces: int) -> Unit:
        context = NoModels(Settings(reduce_faces=faces), S3Settings(), "test")
        return Unit(context, open_store(spec.archive), spec.job_id, "gather")

    def gathered(unit: Unit) -> dict[str, bytes]:
        WORK["gather"](unit)
        keys = [info.key for info in unit.store.list(unit.keys.handed_on)]
        return {key: unit.store.get(key).data for key in keys}

    unit = unit_of(70)
    first = gathered(unit)
    table = unit.table(unit.pack_keys.faces)
    table.append(table.read(faces_schema(128).names).slice(0, 30))
    assert gathered(unit_of(40)) == first
