from pathlib import Path

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.tables.schemas import faces_schema
from tests.made_up import made_up_archive
from tests.workers.stages.no_models import NoModels
from workers.app import WORK
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables
from workers.stages.split import cut_cells, cut_fragments


def test_fragments_are_shared_out_whole_and_no_part_is_larger_than_it_must_be() -> None:
    assert cut_fragments({0: 5, 1: 5, 4: 1, 7: 30, 8: 2}, 10) == ((0, 1), (4,), (7,), (8,))
    assert cut_fragments({3: 5}, 10) == ((3,),)
    assert cut_fragments({}, 10) == ()


def test_cells_are_shared_out_in_groups_side_by_side_and_none_is_left_out() -> None:
    assert cut_cells(10, 3) == ((0, 3), (3, 6), (6, 10))
    assert cut_cells(0, 3) == ()


def test_a_second_split_keeps_to_what_the_first_settled_though_faces_came_meanwhile(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 120, fragments=4)

    def unit_of(faces: int) -> Unit:
        context = NoModels(Settings(reduce_faces=faces), S3Settings(), "test")
        return Unit(context, open_store(spec.archive), spec.job_id, "split")

    def written(unit: Unit) -> dict[str, bytes]:
        WORK["split"](unit)
        keys = [info.key for info in unit.store.list(unit.keys.handed_on)]
        return {key: unit.store.get(key).data for key in keys}

    unit = unit_of(70)
    first = written(unit)
    table = job_tables(unit).faces
    table.append(table.read(faces_schema(128).names).slice(0, 30))
    assert written(unit_of(40)) == first
