import numpy as np

from workers.identities import (
    Change,
    Seen,
    changes,
    cluster_names,
    lend_names,
    name_clusters,
)


def names(labels: list[int], faces: list[str], earlier: dict[str, str]) -> list[str]:
    return name_clusters(np.array(labels, np.int32), faces, earlier)


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


def test_nothing_changed_is_no_change() -> None:
    same = {"fa": "k1", "fb": "k2"}
    assert changes(same, same, {"k1": "p1"}, {"k1": "p1"}) == []


def test_whatever_became_of_a_cluster_is_one_row() -> None:
    before = {"a": "k1", "b": "k1", "c": "k2", "d": "k2", "e": "k3", "g": "k4"}
    after = {"a": "k1", "b": "k1", "c": "k1", "d": "k1", "e": "k3", "f": "k5"}
    assert changes(before, after, {}, {"k3": "p3"}) == [
        Change("absorbed", "k1", "k2", 2),
        Change("created", "k5", None, 1),
        Change("lost", None, "k4", 1),
        Change("renamed", "k3", "k3", 1, "p3", None),
    ]


def test_a_split_says_where_the_faces_came_from() -> None:
    before = dict.fromkeys("abcde", "k1")
    assert changes(before, before | {"a": "k2", "b": "k2"}, {}, {}) == [
        Change("split", "k2", "k1", 2)
    ]


def test_every_face_that_changes_cluster_is_in_exactly_one_row() -> None:
    random = np.random.default_rng(1)
    faces = [f"f{n}" for n in range(300)]
    before, after = (
        {face: f"k{n}" for face, n in zip(faces, random.integers(0, 20, 300), strict=True)}
        for _ in range(2)
    )
    rows = [c for c in changes(before, after, {}, {}) if c.change in ("absorbed", "split", "moved")]
    assert sum(row.faces for row in rows) == sum(before[f] != after[f] for f in faces)


def seen(**columns: list[str | None]) -> Seen:
    count = len(columns["clusters"])
    plain = {
        "faces": [f"f{n}" for n in range(count)],
        "photos": [f"{n}.jpg" for n in range(count)],
        "alike": columns["matched"],
        "quality": [0.5] * count,
    }
    return Seen(**(plain | columns))  # type: ignore[arg-type]


def lent(people: Seen, rejected: tuple[tuple[str, str], ...] = ()) -> dict[int, str]:
    found = lend_names(people, cluster_names(people), rejected)
    return {face: naming.person_id for face, naming in found.items()}


def test_a_cluster_with_matches_of_one_person_lends_that_name() -> None:
    people = seen(clusters=["k1", "k1", "k2", None], matched=["p1", None, None, None])
    assert lent(people) == {1: "p1"}
    assert cluster_names(people)["k1"].evidence == "1 of 2 faces of the cluster matched"


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
