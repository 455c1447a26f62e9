from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract.stored.jobs import DoneMarker
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.storage.memory import MemoryStore
from workers.people.gallery import Gallery
from workers.runtime.unit import Context, Unit
from workers.stages.summary import embed_totals
from workers.stages.unique import require_unique
from workers.stages.write import people_table, write_json

GALLERY = Gallery(
    person_ids=("p1", "p2"),
    names=("Ada", "Bob"),
    starts=np.array([0, 3], np.intp),
    embeddings=np.zeros((4, 2), np.float32),
    weaknesses=np.zeros((4, 2), np.float32),
    sources=("s",) * 4,
    photos=("1", "2", "3", "4"),
    boxes=np.zeros((4, 4), np.float32),
)


def test_a_person_has_a_row_with_references_photos_and_faces_though_nobody_found_them() -> None:
    faces = pa.table(
        {
            "person_id": pa.array(["p1", "p1", "p1", None], pa.string()),
            "photo": ["a.jpg", "a.jpg", "b.jpg", "b.jpg"],
        }
    )
    rows = people_table(faces, GALLERY).to_pylist()
    counts = [(r["person"], r["reference_count"], r["photos"], r["faces"]) for r in rows]
    assert counts == [("Ada", 3, 2, 3), ("Bob", 1, 0, 0)]


def test_seconds_of_embedding_are_summed_over_the_shards_alone(tmp_path: Path) -> None:
    unit = Unit(Context(Settings(), S3Settings(), "w"), open_store(str(tmp_path)), "j1", "reduce")
    for name in ("embed-0000000", "embed-0000001", "match-0000000"):
        marker = DoneMarker(
            unit=name, attempt=1, worker="w", seconds=9, stages={"decode": 1.25, "match": 2.0}
        )
        unit.store.put(unit.keys.done(name), marker.to_bytes())
    assert embed_totals(unit) == ({"decode": 2.5, "match": 4.0}, 0)


def test_json_is_readable_and_keeps_names_in_their_own_letters() -> None:
    store = MemoryStore()
    write_json(store, "a.json", {"person": "Zoë"})
    assert store.get("a.json").data.decode() == '{\n "person": "Zoë"\n}'


def test_a_face_that_is_in_the_archive_twice_stops_the_run_in_words() -> None:
    faces = pa.table({"photo": ["a.jpg", "b.jpg", "a.jpg"], "face_id": ["f1", "f1", "f2"]})
    require_unique(faces)
    with pytest.raises(FatalError, match=r"1 faces are .* f2 of a\.jpg.*rollback"):
        require_unique(pa.concat_tables([faces, faces.slice(2)]))
