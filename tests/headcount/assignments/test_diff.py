import pyarrow as pa

from headcount.assignments.diff import diff_assignments
from headcount.assignments.history import ASSIGNMENTS, heir
from headcount.contract import results


def roll(*rows: tuple[str, str | None, str | None]) -> pa.Table:
    """Rows of face, person and cluster; each face is in a photo of its own."""
    return pa.Table.from_pylist(
        [
            {
                "photo": f"{face}.jpg",
                "face_id": face,
                "decision": "matched" if person else "unknown",
                "person_id": person,
                "person": person,
                "cluster_id": cluster,
            }
            for face, person, cluster in rows
        ],
        schema=ASSIGNMENTS,
    )


def test_equal_rolls_do_not_differ() -> None:
    one = roll(("a", None, "k1"), ("b", "p1", "k2"))
    assert set(diff_assignments(one, one)["counts"].values()) == {0}


def test_every_difference_is_said_once() -> None:
    before = roll(("a", None, "k1"), ("b", None, "k2"), ("c", "p1", "k3"), ("d", None, "k3"))
    after = roll(("a", None, "k1"), ("b", None, "k1"), ("c", "p2", "k3"), ("e", None, "k4"))
    found = diff_assignments(before, after)
    assert [f["face_id"] for f in found["new_faces"]] == ["e"]
    assert [f["face_id"] for f in found["gone_faces"]] == ["d"]
    assert [(f["face_id"], f["before"], f["after"]) for f in found["moved_faces"]] == [
        ("b", "k2", "k1")
    ]
    assert [f["after"]["person_id"] for f in found["renamed_faces"]] == ["p2"]
    assert found["merged_clusters"] == [{"into": "k1", "from": ["k1", "k2"]}]
    assert found["split_clusters"] == []


def test_a_photo_that_was_moved_is_no_new_face_and_none_that_is_gone() -> None:
    def in_photos(faces: pa.Table, *photos: str) -> pa.Table:
        return faces.set_column(0, "photo", pa.array(photos, pa.string()))

    faces = roll(("a", None, "k1"), ("b", None, "k2"), ("b", None, "k2"), ("c", None, "k3"))
    changed = roll(("a", None, "k1"), ("b", None, "k4"), ("b", None, "k4"), ("d", None, "k3"))
    before = in_photos(faces, "one", "two", "copy", "gone")
    after = in_photos(changed, "one", "x/two", "x/copy", "new")
    found = diff_assignments(before, after)
    assert found["moved_photos"] == [
        {"before": "copy", "after": "x/copy", "faces": 1},
        {"before": "two", "after": "x/two", "faces": 1},
    ]
    assert [f["photo"] for f in found["new_faces"]] == ["new"]
    assert [f["photo"] for f in found["gone_faces"]] == ["gone"]
    assert [f["photo"] for f in found["moved_faces"]] == ["x/copy", "x/two"]
    another = diff_assignments(before, pa.concat_tables([before, in_photos(faces[:1], "a copy")]))
    assert (another["counts"]["moved_photos"], another["counts"]["new_faces"]) == (0, 1)


def test_a_split_names_all_parts() -> None:
    found = diff_assignments(
        roll(("a", None, "k1"), ("b", None, "k1")), roll(("a", None, "k1"), ("b", None, "k2"))
    )
    assert found["split_clusters"] == [{"from": "k1", "into": ["k1", "k2"]}]


def test_an_old_id_leads_to_whoever_absorbed_it() -> None:
    rows = [("absorbed", "k2", "k1"), ("absorbed", "k3", "k2"), ("lost", None, "k9")]
    lineage = pa.Table.from_pylist(
        [{"change": c, "cluster_id": new, "earlier_id": old} for c, new, old in rows],
        schema=results.LINEAGE,
    )
    assert heir("k1", {"k3"}, lineage) == "k3"
    assert heir("k3", {"k3"}, lineage) == "k3"
    assert heir("k9", {"k3"}, lineage) is None
