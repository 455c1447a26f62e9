from pathlib import Path

import pytest

from headcount.contract.layout import PackKeys
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.regions.carried import carried_json
from headcount.storage import Store
from headcount.tables.filters import FILTER_VALUES
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.people.forget.carried import find_anybody, forget_carried
from orchestrator.people.forget.run import forget
from tests.orchestrator.people.forget.by_hand import S3, archive, name

ADA = person_id("Ada")
BOTH, OTHER = carried_json({}, ["Ada", "it's a beach"]), carried_json({}, ["it's a beach"])
ALONE, IN_PATH = carried_json({}, ["Ada"]), carried_json({}, ["People|Ada", "it's a beach"])


def photos_of(store: Store, carried: dict[str, str | None]) -> Table:
    """The archive's table of photos, with further ones that carry this."""
    table = Table(store.uri, PackKeys("p1").photos, S3)
    rows = [
        {"collection": key[0], "photo": key, "outcome": "faces", "carried": text}
        for key, text in carried.items()
    ]
    table.append(type(PHOTOS.empty_table()).from_pylist(rows, schema=PHOTOS))
    return table


def kept(table: Table) -> dict[str, str | None]:
    return {row["photo"]: row["carried"] for row in table.read(["photo", "carried"]).to_pylist()}


def test_a_person_goes_out_of_every_photo_and_others_stay_as_they_are(tmp_path: Path) -> None:
    carried = {"x1": BOTH, "x2": ALONE, "x'3": IN_PATH, "y1": BOTH, "y2": OTHER, "y3": None}
    table = photos_of(archive(tmp_path, p1=[]), carried)
    assert forget_carried(table, ADA) == 4
    left = {"x1": OTHER, "x2": None, "x'3": OTHER, "y1": OTHER, "y2": OTHER, "y3": None}
    assert kept(table) == left | {"a.jpg": None}
    assert forget_carried(table, ADA) == 0


def test_any_number_of_photos_and_of_those_that_carry_nothing_else(tmp_path: Path) -> None:
    carried = {f"x{n:03}": ALONE for n in range(FILTER_VALUES + 1)}
    table = photos_of(archive(tmp_path, p1=[]), carried)
    assert forget_carried(table, ADA) == len(carried)
    assert set(kept(table).values()) == {None}


def test_somebody_whom_photos_alone_tell_of_is_forgotten_by_name(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[])
    table = photos_of(store, {"x1": BOTH})
    name(store, "Ben", "f1")
    assert find_anybody(store, "Ben", S3) == (person_id("Ben"), "Ben")
    assert find_anybody(store, " Ada", S3) == (ADA, "Ada")
    with pytest.raises(FatalError, match="nobody called Cy"):
        find_anybody(store, "Cy", S3)
    assert forget(store, "Ada", S3).removed == {"photos that carry the name": 1}
    assert kept(table)["x1"] == OTHER
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [data for data in files if b"Ada" in data]
