import shutil
from pathlib import Path

import pytest

from headcount.contract.record import read_record
from headcount.contract.stored.jobs import SplitRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import made_up_archive
from tests.running import comparable, table
from tests.workers.stages.no_models import NoModels
from workers.app import WORK
from workers.runtime.unit import Unit
from workers.stages import split as split_stage


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
    unit = do("split")
    split = read_record(unit.store, unit.keys.split, SplitRecord)
    assert len(split.parts) == 2
    assert split.groups == (), "every pair of so few is compared"
    for part in range(2):
        do(f"match-{part:07}")
    shutil.rmtree(tmp_path / "archive/packs" / unit.record.pack_id / "rolls")
    do("reduce")
    assert [comparable(table(tmp_path, name)) for name in names] == whole


def test_cells_that_are_joined_by_tasks_give_the_clusters_of_every_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_stage, "EXACT_LIMIT", 300)
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 1200, fragments=4)
    context = NoModels(Settings(reduce_faces=700), S3Settings(), "test")

    def do(name: str) -> Unit:
        unit = Unit(context, open_store(spec.archive), spec.job_id, name)
        unit.store.delete(unit.keys.done(name))
        unit.store.put(unit.keys.done(name), WORK[name.split("-", maxsplit=1)[0]](unit).to_bytes())
        return unit

    do("reduce")
    whole = comparable(table(tmp_path, "clusters"))
    unit = do("split")
    groups = read_record(unit.store, unit.keys.split, SplitRecord).groups
    assert len(groups) == 2
    for kind in ("match", "join"):
        for part in range(2):
            do(f"{kind}-{part:07}")
    shutil.rmtree(tmp_path / "archive/packs" / unit.record.pack_id / "rolls")
    do("reduce")
    assert comparable(table(tmp_path, "clusters")) == whole
