from pathlib import Path

import pyarrow as pa
import pytest

from headcount.answers.record import Answer, FaceMark, overlap
from headcount.assignments import history
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.tables.schemas import PHOTOS, faces_schema
from workers.identity.find_marks import faces_of_clusters, find_marks, nearest_place
from workers.tables.pack_tables import PackTables

MARK = FaceMark(face_id="f1", content="c", box=(10.0, 10.0, 80.0, 80.0))


def test_a_face_is_found_again_by_its_place() -> None:
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == 50 / 150
    assert overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0
    faces = [("far", (50.0, 50.0, 9.0, 9.0)), ("near", (1.0, 1.0, 10.0, 10.0))]
    assert nearest_place((0, 0, 10, 10), faces) == "near"
    assert nearest_place((30, 30, 4, 4), faces) is None


def tables(folder: Path, pack: str, orientation: int) -> PackTables:
    """A pack's tables of one photo, 900 by 600, in an archive that was made with ``base``."""
    store = open_store(str(folder))
    model = ModelChoice(name="base", pack_id="base")
    store.put_new(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    found = PackTables(store, PackKeys(pack), "file:///photos/", S3Settings())
    found.photos.create(PHOTOS)
    row = {"collection": found.collection, "photo": "a.jpg", "content": "c", "outcome": "faces"}
    frame = {"width": 900, "height": 600, "orientation": orientation}
    found.photos.append(pa.Table.from_pylist([row | frame], schema=PHOTOS))
    return found


def faces(**places: tuple[float, float]) -> pa.Table:
    """Faces of a.jpg, 80 pixels wide and high."""
    rows = [
        {"photo": "a.jpg", "face_id": name, "x": x, "y": y, "w": 80.0, "h": 80.0}
        for name, (x, y) in places.items()
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(("orientation", "meant"), [(1, "g1"), (3, "g2")])
def test_a_pack_beside_finds_a_mark_however_it_has_turned_the_photo(
    tmp_path: Path, orientation: int, meant: str
) -> None:
    tables(tmp_path, "base", 1)
    beside = tables(tmp_path, "beside", orientation)
    found = find_marks(beside, faces(g1=(10, 10), g2=(810, 510)), [MARK])
    assert found == [meant]


@pytest.mark.parametrize(
    ("frame", "orientation", "read", "meant"),
    [
        ((900, 600, 1), 1, 2, "g1"),
        ((900, 600, 3), 1, None, "g2"),  # marked when it was turned; undone since
        ((900, 600, 1), 3, 2, "g2"),
        ((0, 0, 0), 1, 2, "g1"),
        ((0, 0, 0), 3, None, "g1"),  # EXIF's own turn, then as now
        ((0, 0, 0), 3, 2, None),  # perhaps turned since: the face there may be another's
    ],
)
def test_a_mark_is_looked_for_in_the_frame_that_it_was_made_in(
    tmp_path: Path,
    frame: tuple[int, int, int],
    orientation: int,
    read: int | None,
    meant: str | None,
) -> None:
    base = tables(tmp_path, "base", orientation)
    base.photos.update({"reading": str(read) if read else "NULL"}, "true")
    mark = MARK.model_copy(update={"frame": frame})
    assert find_marks(base, faces(g1=(10, 10), g2=(810, 510)), [mark]) == [meant]


def test_a_face_that_is_here_is_found_by_its_id(tmp_path: Path) -> None:
    base = tables(tmp_path, "base", 1)
    assert find_marks(base, faces(f1=(500, 500), g1=(10, 10)), [MARK]) == ["f1"]


@pytest.mark.parametrize(("orientation", "meant"), [(1, "g1"), (3, "g2")])
def test_a_named_cluster_s_faces_are_found_by_their_job_and_by_place_under_a_pack_beside(
    tmp_path: Path, orientation: int, meant: str
) -> None:
    base, beside = tables(tmp_path, "base", 1), tables(tmp_path, "beside", orientation)
    schema = faces_schema(4)
    base.faces.create(schema)
    there = faces(f1=(10, 10)).append_column("collection", pa.array([base.collection]))
    rows = {f.name: pa.nulls(1, f.type) for f in schema} | {n: there[n] for n in there.column_names}
    base.faces.append(pa.table(rows).cast(schema))
    said = [{"photo": "a.jpg", "face_id": "f1", "cluster_id": "k1"}]
    assigned = pa.Table.from_pylist(said, schema=history.ASSIGNMENTS)
    history.write_assignments(base.store, base.keys, base.collection, "j1", assigned)
    record = Answer(at=now(), what="name", faces=(), cluster="k1", job_id="j1")
    other = record.model_copy(update={"cluster": "k2"})
    here = faces(g1=(10, 10), g2=(810, 510))
    assert faces_of_clusters(base, faces(f1=(10, 10)), [record, other]) == [("f1",), ()]
    assert faces_of_clusters(base, here, [record]) == [()], "its photo has other faces now"
    assert faces_of_clusters(beside, here, [record, other]) == [(meant,), ()]
