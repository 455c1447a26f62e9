"""Lines that say that faces or clusters are one person, or two."""

from pathlib import Path

import pytest

from benchmarks.scale.answers import cluster_of, content_of, face_of
from headcount.answers.record import FaceMark
from headcount.errors import FatalError
from headcount.storage import Store
from orchestrator.people.line_links import Link
from tests.orchestrator.people.made_up import archive_of, check, say

FACE, OTHER, THIRD = face_of(0), face_of(4), face_of(8)
CLUSTER, APART = cluster_of(0), cluster_of(15)
BESIDE = cluster_of(1)
"""A cluster in the same photos as CLUSTER."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return archive_of(tmp_path)


def test_two_faces_are_linked_exactly_and_two_clusters_by_all_their_faces(store: Store) -> None:
    [faces, clusters, both] = check(
        store, f"same,{FACE} {OTHER}", f"apart,{CLUSTER} {APART}", f"same,{face_of(20)} {CLUSTER}"
    ).answers
    assert [mark.side for mark in faces.faces] == [0, 1]
    assert faces.clusters == ()
    assert clusters.clusters == (CLUSTER, APART)
    assert [mark.side for mark in clusters.faces] == [0] * 5 + [1] * 5
    assert both.clusters == (cluster_of(20), CLUSTER)


def test_several_faces_are_one_person_exactly_and_with_a_bar_two_groups(store: Store) -> None:
    [exact] = check(store, f"same,{FACE} {OTHER} {THIRD}").answers
    assert (len(exact.faces), exact.clusters) == (3, ())
    [groups] = check(store, f"same,{FACE} {face_of(3)} | {face_of(7)} {face_of(10)}").answers
    assert [mark.side for mark in groups.faces] == [0, 0, 1, 1]
    assert groups.clusters == (CLUSTER, BESIDE)
    chained = check(store, f"same,{CLUSTER} {APART} {cluster_of(31)}").answers
    assert [answer.clusters for answer in chained] == [
        (CLUSTER, APART),
        (APART, cluster_of(31)),
    ]


def test_clusters_that_are_always_in_one_photo_are_not_joined(store: Store) -> None:
    with pytest.raises(FatalError, match="the two sides are in the same photos"):
        check(store, f"same,{CLUSTER} {BESIDE}")
    assert check(store, f"apart,{CLUSTER} {BESIDE}").answers


def test_a_merge_has_an_effect_where_each_side_has_a_photo_of_its_own() -> None:
    def side(*faces: str) -> tuple[FaceMark, ...]:
        return tuple(FaceMark(face_id=f, content=f[0], box=(0, 0, 1, 1)) for f in faces)

    assert Link(side("a1", "b1"), side("c2")).joins
    assert Link(side("a1", "b1"), side("b2", "c2")).joins
    assert not Link(side("a1", "b1"), side("b2")).joins


def test_a_face_of_a_cluster_is_linked_to_the_others_and_two_ids_of_one_face_to_none(
    store: Store,
) -> None:
    [answer] = check(store, f"apart,{FACE} {CLUSTER}").answers
    assert [mark.side for mark in answer.faces] == [0, 1, 1, 1, 1]
    with pytest.raises(FatalError, match="are not two faces"):
        check(store, f"same,{FACE} {FACE[:14]}")
    places = f"{content_of(0)} {content_of(0)},12 11 80 80 8 9 80 80,1"
    [warning] = check(store, f"same,,,,{places}").warnings
    assert "both sides are one face here" in warning.words


def test_one_cluster_is_one_person_already_and_cannot_be_parted_by_itself(store: Store) -> None:
    assert check(store, f"same,{CLUSTER} {CLUSTER[:9]}").repeats == 1
    with pytest.raises(FatalError, match="are one cluster: give two of its faces instead"):
        check(store, f"apart,{CLUSTER} {CLUSTER[:9]}")


def test_a_link_that_is_said_again_is_a_repeat_whichever_comes_first(store: Store) -> None:
    say(store, f"same,{CLUSTER} {APART}", f"apart,{FACE} {OTHER}")
    assert check(store, f"same,{APART} {CLUSTER}", f"apart,{OTHER} {FACE}").repeats == 2
