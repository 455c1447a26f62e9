"""Faces and clusters looked up: full and short ids, absorbed clusters, places, collections."""

from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.scale.answers import JOB, PACK, PHOTOS_URI, cluster_of, content_of, face_of
from headcount.answers.kept import read_answers
from headcount.answers.lines import Spot
from headcount.answers.record import FaceMark
from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract import results
from headcount.contract.frames import UNKNOWN
from headcount.contract.layout import PackKeys
from headcount.errors import FatalError
from headcount.storage import Store
from orchestrator.people.faces_here import FacesHere, look_up
from orchestrator.people.latest_assignments import read_latest
from orchestrator.people.stored_faces import Source
from tests.orchestrator.people.made_up import S3, archive_of, check, say

KEYS = PackKeys(PACK)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return archive_of(tmp_path)


def found(store: Store, *ids: str, spots: tuple[Spot, ...] = ()) -> FacesHere:
    return look_up(Source(store, S3, list(read_latest(store))), ids=set(ids), spots=spots)


def test_the_id_of_an_absorbed_cluster_means_the_one_that_absorbed_it(store: Store) -> None:
    change = {"change": "absorbed", "earlier_id": "k-old", "cluster_id": cluster_of(0)}
    lineage = pa.Table.from_pylist([change], results.LINEAGE)
    history.write_table(store, KEYS.lineage(collection_id(PHOTOS_URI), JOB), lineage)
    here = found(store, "k-old", "k-lost")
    assert here.clusters["k-old"].cluster_id == cluster_of(0)
    assert "k-lost" not in here.clusters
    [answer] = say(store, "name,k-old,Ada").answers
    assert answer.cluster == cluster_of(0)
    assert check(store, f"name,{cluster_of(0)},Ada", "name,k-old,Ada").repeats == 2
    assert len(read_answers(store)) == 1


def test_a_short_id_means_what_begins_with_it_where_nothing_else_does(store: Store) -> None:
    here = found(store, face_of(0)[:10], cluster_of(0)[:6], "f", "", "x")
    assert here.full_id(face_of(0)[:10]) == face_of(0)
    assert here.full_id(cluster_of(0)[:6]) == cluster_of(0)
    assert here.clusters[cluster_of(0)].face_ids == tuple(sorted(face_of(3 * n) for n in range(5)))
    assert here.full_id("f") is None
    assert len(here.short["f"]) == 45
    assert here.full_id("x") is None


def test_a_place_means_the_face_that_shares_most_with_it(store: Store) -> None:
    spot = Spot(content_of(0), "", (12, 11, 80, 80))
    here = found(store, spots=(spot, Spot("", "0000001.jpg", (0, 0, 1, 1))))
    at = here.at(content_of(0), spot.box, here.frame_of(content_of(0), None))
    assert at is not None
    assert at.face_id == face_of(0)
    assert here.at(content_of(0), (60, 10, 80, 80), UNKNOWN) is None, "less than half of either"
    assert here.content_of(Spot("", "0000001.jpg", (0, 0, 1, 1))) == content_of(1)
    assert here.content_of(Spot("", "nowhere.jpg", (0, 0, 1, 1))) == ""
    assert here.frame_of("e" * 64, 6) == (0, 0, 6)
    turned = FaceMark(face_id="", content=content_of(0), box=(109, 12, 80, 80), frame=(0, 0, 6))
    assert here.meant_by(turned) == face_of(0), "drawn before the photo was here"
    elsewhere = turned.model_copy(update={"content": "e" * 64})
    assert here.meant_by(elsewhere) == f"{'e' * 64} 109.0 12.0 80.0 80.0"


def test_copies_of_a_face_are_in_several_collections_and_links_in_one(store: Store) -> None:
    rows = [{"photo": "x", "face_id": face_of(0), "cluster_id": "kx"}]
    rows.append({"photo": "x", "face_id": "f-only-there", "cluster_id": "ky"})
    assigned = pa.Table.from_pylist(rows, history.ASSIGNMENTS)
    history.write_assignments(store, KEYS, "zzz", "job-z", assigned)
    here = found(store, face_of(0))
    assert {latest.job_id for latest, _ in here.known[face_of(0)]} == {JOB, "job-z"}
    with pytest.raises(FatalError, match="no face and no cluster f-only-there"):
        check(store, f"same,{face_of(1)} f-only-there")  # it is in no table of faces
