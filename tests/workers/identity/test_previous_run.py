import pyarrow as pa
import pytest

from headcount.assignments.history import ASSIGNMENTS
from workers.identity import previous_run as carry
from workers.identity.previous_run import FACE_ID_MAP, remap, remap_to_pack, same_places

Row = tuple[str, str, float]


def faces(*rows: Row) -> pa.Table:
    """Rows of photo, face id and left edge; each face is 10 pixels wide and high."""
    return pa.table(
        {
            "photo": pa.array([photo for photo, _, _ in rows], pa.string()),
            "face_id": pa.array([face for _, face, _ in rows], pa.string()),
            "x": pa.array([left for _, _, left in rows], pa.float32()),
            **{name: pa.array([10.0] * len(rows), pa.float32()) for name in ("y", "w", "h")},
        }
    )


def meant(theirs: pa.Table, mine: pa.Table, *photos: str) -> list[tuple[str, ...]]:
    found = same_places(theirs, mine, pa.array(photos, pa.string()))
    return sorted(tuple(row.values()) for row in found.to_pylist())


def test_a_face_of_another_pack_is_the_one_in_the_same_place_of_the_same_photo() -> None:
    theirs = faces(("b.jpg", "t3", 0), ("a.jpg", "t1", 0), ("a.jpg", "t2", 50))
    mine = faces(("a.jpg", "m2", 51), ("a.jpg", "m1", 1), ("b.jpg", "m3", 90))
    assert meant(theirs, mine, "a.jpg", "b.jpg") == [("a.jpg", "t1", "m1"), ("a.jpg", "t2", "m2")]


def test_photos_whose_content_is_another_one_are_left_out() -> None:
    one, other = faces(("a.jpg", "t", 0), ("b.jpg", "t", 0)), faces(("a.jpg", "m", 0))
    assert meant(one, other, "b.jpg") == []
    assert meant(one, other) == []


def test_no_face_is_meant_twice() -> None:
    theirs = faces(("a.jpg", "t1", 0), ("a.jpg", "t2", 1))
    assert len(meant(theirs, faces(("a.jpg", "m", 0)), "a.jpg")) == 1


def test_photos_that_are_looked_at_in_parts_give_what_all_at_once_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"{n}.jpg" for n in range(7)]
    theirs = faces(*((name, f"t{name}", 3.0) for name in reversed(names)))
    mine = faces(*((name, f"m{name}", 0.0) for name in names))
    at_once = meant(theirs, mine, *names)
    monkeypatch.setattr(carry, "PHOTOS_AT_ONCE", 2)
    assert meant(theirs, mine, *names) == at_once
    assert len(at_once) == len(names)


def test_a_roll_is_carried_over_with_the_ids_of_this_pack() -> None:
    said = [("a.jpg", "t1", "k1"), ("b.jpg", "t1", "k1"), ("c.jpg", "t2", "k2")]
    assignments = pa.Table.from_pylist(
        [{"photo": p, "face_id": f, "cluster_id": c} for p, f, c in said], schema=ASSIGNMENTS
    )
    face_id_map = [("c.jpg", "t2", "m2"), ("a.jpg", "t1", "m1"), ("c.jpg", "t1", "m9")]
    found = remap_to_pack(
        assignments,
        pa.Table.from_pylist(
            [dict(zip(FACE_ID_MAP.names, row, strict=True)) for row in face_id_map],
            schema=FACE_ID_MAP,
        ),
    )
    assert found.schema == ASSIGNMENTS
    rows = found.select(["photo", "face_id", "cluster_id"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [("a.jpg", "m1", "k1"), ("c.jpg", "m2", "k2")]


def test_a_roll_keeps_the_faces_that_mean_what_they_did() -> None:
    said = [{"photo": p, "face_id": f, "cluster_id": "k"} for p, f in ("ax", "bx", "by")]
    face_id_map = pa.Table.from_pylist(
        [{"photo": "b", "face_id": "x", "new_face_id": "z"}], schema=FACE_ID_MAP
    )
    found = remap(pa.Table.from_pylist(said, schema=ASSIGNMENTS), face_id_map)
    assert found.schema == ASSIGNMENTS
    assert found["face_id"].to_pylist() == ["x", "z", "y"]
