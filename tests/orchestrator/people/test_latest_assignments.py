"""What jobs said, looked through without an object for each face."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headcount.assignments import history
from headcount.contract import results
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from orchestrator.people.latest_assignments import find_both, find_faces, people_of

FACES, KEYS = 60_000, PackKeys("p1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An archive of so many faces, each its own cluster, of two people; k-old was absorbed."""
    store = open_store(str(tmp_path))
    model = ModelChoice(name="sface", pack_id="p1")
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    store.put(KEYS.record, json.dumps({}).encode())
    number = pa.array(np.arange(FACES)).cast(pa.string())
    one = pa.array(np.arange(FACES) % 3)
    columns = {
        "photo": number,
        "face_id": number,
        "decision": number,
        "person_id": pa.array(["a", "b", None]).take(one),
        "person": pa.array(["Ada", "Bob", None]).take(one),
        "cluster_id": number,
    }
    history.write_assignments(store, KEYS, "c", "job", pa.table(columns))
    change = {"change": "absorbed", "earlier_id": "k-old", "cluster_id": "7"}
    lineage = pa.Table.from_pylist([change], results.LINEAGE)
    history.write_table(store, KEYS.lineage("c", "job"), lineage)
    return store


def test_everybody_and_any_cluster_is_found_without_an_object_per_face(store: Store) -> None:
    people_of(store, S3Settings())  # what is imported late is no face's
    tracemalloc.start()
    try:
        assert people_of(store, S3Settings()) == {"a": "Ada", "b": "Bob"}
        assert find_faces(store, "k-old").face_ids == ("7",)
        with pytest.raises(FatalError, match="no face and no cluster"):
            find_faces(store, "k-lost")
        # An object per face takes 60 bytes and more. Arrow's threads may free a file that was read,
        # of 9 bytes per face, a moment later.
        assert tracemalloc.get_traced_memory()[1] < 40 * FACES
    finally:
        tracemalloc.stop()


def test_two_faces_are_found_in_the_collection_that_has_both(store: Store) -> None:
    rows = [{"photo": "x", "face_id": face, "cluster_id": face} for face in ("1", "b1")]
    history.write_assignments(
        store, KEYS, "d", "job", pa.Table.from_pylist(rows, history.ASSIGNMENTS)
    )
    one, other = find_both(store, "1", "b1")
    assert (one.latest.collection, other.latest.collection) == ("d", "d")
    assert find_faces(store, "1").latest.collection == "c", "a copy of it is there too"
    with pytest.raises(FatalError, match="two collections"):
        find_both(store, "2", "b1")
    with pytest.raises(FatalError, match="no face and no cluster nowhere"):
        find_both(store, "2", "nowhere")
