from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract.stored.jobs import SplitRecord
from headcount.s3_settings import S3Settings
from tests.workers import archives
from tests.workers.archives import PACK, made_up, random_embeddings
from workers.tables.faces import empty, in_order, load_faces, own_copy
from workers.tables.pack_tables import PackTables


def test_faces_are_sorted_by_photo_then_left_to_right() -> None:
    faces = pa.table({"photo": ["b", "a", "a"], "x": [1.0, 9.0, 2.0], "face_id": ["1", "2", "3"]})
    found, order = in_order(faces)
    assert found["face_id"].to_pylist() == ["3", "2", "1"]
    assert order.tolist() == [2, 1, 0]


def test_a_copy_has_the_columns_that_are_asked_for_in_memory_of_its_own() -> None:
    batch = pa.record_batch({"photo": ["a"], "x": [1.0]})
    copy = own_copy(batch, ["x"])
    assert copy.to_pydict() == {"x": [1.0]}
    before, after = (t["x"].chunk(0).buffers()[1].address for t in (pa.table(batch), copy))
    assert before != after


def test_no_face_has_the_types_of_the_archive() -> None:
    assert empty(["photo", "usable"]).schema.types == [pa.string(), pa.bool_()]


def test_embeddings_stand_in_the_order_of_the_faces_though_fragments_are_read_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = PackTables(None, None, "file:///photos/", S3Settings())  # type: ignore[arg-type]
    monkeypatch.setattr(archives, "COLLECTION", tables.collection)
    photos = {f"{name}.jpg": random_embeddings(2, seed) for seed, name in enumerate("abc")}
    archive = made_up(tmp_path, photos)
    tables = PackTables(archive.store, archive.keys, tables.source, S3Settings())
    fragments = list(tables.faces.fragments())
    split = SplitRecord(
        faces_version=tables.faces.version,
        gallery_version=tables.gallery.version,
        parts=((fragments[2],), tuple(fragments[:2])),
        faces=6,
        groups=(),
    )
    batches: list[None] = []
    for given in (None, split):
        faces, embeddings = load_faces(
            tables, given, dimensions=PACK.dimensions, progress=lambda: batches.append(None)
        )
        assert faces["photo"].to_pylist() == [key for key in photos for _ in range(2)]
        expected = np.concatenate(list(photos.values()))
        np.testing.assert_allclose(embeddings[:], expected, atol=1e-3)
    assert len(batches) >= 2
