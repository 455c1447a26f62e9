import numpy as np
import pyarrow as pa

from workers.identity.cluster_ids import (
    NAMINGS,
    PARTITION,
    changes,
    cluster_names,
    evidence,
    name_clusters,
    propagate_names,
)
from workers.tables.columns import NONE


def partition(clusters: dict[str, str]) -> pa.Table:
    columns = {"face_id": list(clusters), "cluster_id": list(clusters.values())}
    return pa.table(columns, schema=PARTITION)


def namings(people: dict[str, str]) -> pa.Table:
    rows = [{"cluster_id": cluster, "person_id": person} for cluster, person in people.items()]
    return pa.Table.from_pylist(rows, schema=NAMINGS)


def names(labels: list[int], faces: list[str], earlier: dict[str, str]) -> list[str]:
    face_ids = pa.array(faces, pa.string())
    found = name_clusters(np.array(labels, np.int32), face_ids, partition(earlier))
    return found.to_pylist()  # type: ignore[no-any-return]


def test_clusters_that_are_parted_again_have_the_ids_of_before_in_any_order() -> None:
    joined = {"fa": "ka", "fb": "ka"}
    assert names([0, 1], ["fa", "fb"], joined) == ["ka", "kb"]
    assert names([0, 1], ["fb", "fa"], joined) == ["kb", "ka"]


Row = tuple[str, str | None, str | None, int, str | None, str | None]
"""Change, cluster, earlier cluster, faces, person, earlier person."""


def changed(
    before: dict[str, str],
    after: dict[str, str],
    named_before: dict[str, str] | None = None,
    named_after: dict[str, str] | None = None,
) -> list[Row]:
    found = changes(
        partition(before),
        partition(after),
        namings(named_before or {}),
        namings(named_after or {}),
    )
    return [tuple(row.values()) for row in found.to_pylist()]


def test_new_clusters_are_named_alike_whatever_the_order() -> None:
    one = dict(zip("abc", names([0, 1, 0], ["fa", "fb", "fc"], {}), strict=True))
    other = dict(zip("cba", names([5, 2, 5], ["fc", "fb", "fa"], {}), strict=True))
    assert one == other


def test_a_cluster_that_grows_keeps_its_id() -> None:
    assert names([0, 0, 0], ["fa", "fb", "fc"], {"fb": "kold", "fc": "kold"}) == ["kold"] * 3


def test_of_a_cluster_that_splits_the_larger_part_keeps_the_id() -> None:
    earlier = dict.fromkeys(["fa", "fb", "fc"], "kfa")
    found = names([0, 1, 1], ["fa", "fb", "fc"], earlier)
    assert found[1] == found[2] == "kfa"
    assert found[0] != "kfa"


def test_of_clusters_that_merge_the_larger_id_survives() -> None:
    earlier = {"fa": "k1", "fb": "k2", "fc": "k2"}
    assert names([0, 0, 0], ["fa", "fb", "fc"], earlier) == ["k2"] * 3


def test_a_new_cluster_never_takes_the_id_of_one_that_is_gone() -> None:
    assert names([0, 1], ["fa", "fb"], {"fa": "kother", "fb": "ka"}) == ["kother", "ka"]
    assert names([0, 1], ["fa", "fc"], {"fc": "ka"}) == ["ka-2", "ka"]
    assert names([0, 1], ["fa", "fc"], {"fc": "ka", "fd": "ka-2"}) == ["ka-3", "ka"]


def test_new_clusters_whose_first_faces_begin_alike_have_ids_of_their_own() -> None:
    long = "f" + 12 * "a"
    found = names([1, 0, 2], [long + "2", long + "1", "fb"], {})
    assert found == ["k" + 12 * "a" + "-2", "k" + 12 * "a", "kb"]
    assert names([0, 1], [long + "1", long + "2"], {"fz": "k" + 12 * "a"}) == [
        "k" + 12 * "a" + "-2",
        "k" + 12 * "a" + "-3",
    ]


def test_a_cluster_whose_first_claim_is_lost_keeps_the_next_largest() -> None:
    earlier = {"fa": "k1", "fb": "k1", "fc": "k1", "fd": "k1", "fe": "k2", "fg": "k3"}
    found = names([0, 0, 0, 1, 1, 2], ["fa", "fb", "fc", "fd", "fe", "fg"], earlier)
    assert found == ["k1", "k1", "k1", "k2", "k2", "k3"]


def test_nothing_changed_is_no_change() -> None:
    same = {"fa": "k1", "fb": "k2"}
    assert changed(same, same, {"k1": "p1"}, {"k1": "p1"}) == []


def test_whatever_became_of_a_cluster_is_one_row() -> None:
    before = {"a": "k1", "b": "k1", "c": "k2", "d": "k2", "e": "k3", "g": "k4"}
    after = {"a": "k1", "b": "k1", "c": "k1", "d": "k1", "e": "k3", "f": "k5"}
    assert changed(before, after, {"k4": "p4"}, {"k3": "p3", "k5": "p5"}) == [
        ("absorbed", "k1", "k2", 2, None, None),
        ("created", "k5", None, 1, "p5", None),
        ("lost", None, "k4", 1, None, "p4"),
        ("renamed", "k3", "k3", 1, "p3", None),
    ]


def test_a_split_says_where_the_faces_came_from() -> None:
    before = dict.fromkeys("abcde", "k1")
    assert changed(before, before | {"a": "k2", "b": "k2"}) == [
        ("split", "k2", "k1", 2, None, None)
    ]


def test_every_face_that_changes_cluster_is_in_exactly_one_row() -> None:
    random = np.random.default_rng(1)
    faces = [f"f{n}" for n in range(300)]
    before, after = (
        {face: f"k{n}" for face, n in zip(faces, random.integers(0, 20, 300), strict=True)}
        for _ in range(2)
    )
    rows = [row for row in changed(before, after) if row[0] in ("absorbed", "split", "moved")]
    assert sum(row[3] for row in rows) == sum(before[f] != after[f] for f in faces)


def seen(
    *,
    clusters: list[str | None],
    matched: list[str | None],
    alike: list[str | None] | None = None,
    photos: list[str] | None = None,
    quality: list[float] | None = None,
) -> pa.Table:
    count = len(clusters)
    columns = {
        "face_id": pa.array([f"f{n}" for n in range(count)], pa.string()),
        "photo": pa.array(photos or [f"{n}.jpg" for n in range(count)], pa.string()),
        "cluster_id": pa.array(clusters, pa.string()),
        "person_id": pa.array(matched, pa.string()),
        "alike": pa.array(alike or matched, pa.string()),
        "quality": pa.array(quality or [0.5] * count, pa.float32()),
    }
    return pa.table(columns)


def lent(people: pa.Table, rejected: tuple[tuple[str, str], ...] = ()) -> dict[int, str]:
    names = cluster_names(people)
    found = propagate_names(people, names, rejected).tolist()
    whom = names["person_id"].to_pylist()
    return {face: whom[naming] for face, naming in enumerate(found) if naming != NONE}


def test_a_cluster_with_matches_of_one_person_lends_that_name() -> None:
    people = seen(clusters=["k1", "k1", "k2", None], matched=["p1", None, None, None])
    assert lent(people) == {1: "p1"}
    assert evidence(cluster_names(people)).to_pylist() == ["1 of 2 faces of the cluster matched"]


def test_a_cluster_with_matches_of_two_people_lends_none() -> None:
    assert lent(seen(clusters=["k1"] * 3, matched=["p1", "p2", None])) == {}


def test_one_match_does_not_name_a_crowd() -> None:
    assert lent(seen(clusters=["k1"] * 6, matched=["p1"] + [None] * 5)) == {}
    assert len(lent(seen(clusters=["k1"] * 5, matched=["p1"] + [None] * 4))) == 4


def test_who_is_alike_to_somebody_else_or_was_rejected_gets_no_name() -> None:
    people = seen(clusters=["k1"] * 3, matched=["p1", None, None], alike=["p1", "p2", None])
    assert lent(people) == {2: "p1"}
    assert lent(people, (("f2", "p1"),)) == {}


def test_nobody_is_named_twice_in_one_photo() -> None:
    matched = seen(clusters=["k1"] * 2, matched=["p1", None], photos=["a.jpg", "a.jpg"])
    assert lent(matched) == {}
    both = seen(
        clusters=["k1"] * 3,
        matched=["p1", None, None],
        photos=["a.jpg", "b.jpg", "b.jpg"],
        quality=[0.5, 0.4, 0.9],
    )
    assert lent(both) == {2: "p1"}
