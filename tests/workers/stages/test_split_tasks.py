import shutil
from pathlib import Path

import numpy as np
import pytest

from headcount.contract.record import read_record
from headcount.contract.stored.jobs import SplitRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import WIDTH, made_up_archive
from tests.running import comparable, table
from tests.workers.stages.no_models import NoModels
from workers.app import WORK
from workers.identity.enrol_named import append_references
from workers.runtime.unit import Unit
from workers.stages import split as split_stage
from workers.stages.assign import to_cluster
from workers.stages.exchange import write_arrays
from workers.stages.job_tables import job_tables
from workers.stages.split_tasks import _load_group
from workers.tables.columns import as_bool
from workers.tables.faces import load_faces, weaknesses_of


def enrol_the_poorest(unit: Unit) -> None:
    """Enrol the three usable faces of least quality, each as a person."""
    tables = job_tables(unit)
    faces, embeddings = load_faces(tables, None, dimensions=WIDTH, progress=lambda: None)
    order = np.argsort(np.where(as_bool(faces["usable"]), faces["quality"].to_numpy(), 1))
    rows = order[:3].astype(np.int64)
    people = [(f"p{n}", f"P{n}") for n in range(3)]
    append_references(tables, people, faces, rows, embeddings, confirm=lambda: None)


def test_few_faces_in_tasks_are_what_they_are_in_one_and_no_task_needs_a_model(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 120, fragments=4)

    context = NoModels(Settings(reduce_faces=70), S3Settings(), "test")

    def do(name: str) -> Unit:
        unit = Unit(context, open_store(spec.archive), spec.job_id, name)
        unit.store.delete(unit.keys.done(name))  # of an attempt before
        unit.store.put(unit.keys.done(name), WORK[name.split("-", maxsplit=1)[0]](unit).to_bytes())
        return unit

    names = ("faces", "clusters", "people")
    enrol_the_poorest(Unit(context, open_store(spec.archive), spec.job_id, "reduce"))
    do("reduce")
    assert sum((row["discount"] or 0) > 0.05 for row in table(tmp_path, "faces")) > 10
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
    split = read_record(unit.store, unit.keys.split, SplitRecord)
    assert len(split.groups) == 2
    for kind in ("match", "join"):
        for part in range(2):
            do(f"{kind}-{part:07}")
    _faces_have_their_weaknesses(unit, split)
    shutil.rmtree(tmp_path / "archive/packs" / unit.record.pack_id / "rolls")
    do("reduce")
    assert comparable(table(tmp_path, "clusters")) == whole


def _faces_have_their_weaknesses(unit: Unit, split: SplitRecord) -> None:
    """Whether a group's faces are compared with the weaknesses that one task would give them."""
    faces, _ = load_faces(job_tables(unit), None, dimensions=WIDTH, progress=lambda: None)
    weak = weaknesses_of(faces, unit.record.cosine_per_decade)[to_cluster(faces)[0]]
    _, number, vectors = _load_group(unit, split, 0)
    assert weak[number].any(axis=1).sum() > 100
    np.testing.assert_array_equal(vectors[:, WIDTH:], weak[number])


def test_a_part_that_an_earlier_build_wrote_has_no_weaknesses(tmp_path: Path) -> None:
    unit = Unit(NoModels(Settings(), S3Settings(), "test"), open_store(str(tmp_path)), "j", "join")
    split = SplitRecord(
        faces_version=1, gallery_version=1, parts=((0,),), faces=2, groups=((0, 1), (1, 2))
    )
    numbers, rows = np.arange(2, dtype=np.int32), np.eye(2, dtype=np.float16)
    key = unit.keys.places(0, 0)
    places = {"home": numbers, "cell": numbers, "point": numbers}
    write_arrays(unit.store, key, number=numbers, descriptor=rows, **places)
    _, _, vectors = _load_group(unit, split, 0)
    assert vectors.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]
