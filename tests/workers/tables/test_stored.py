from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from headcount.s3_settings import S3Settings
from tests.workers import archives
from tests.workers.archives import PACK, made_up, random_embeddings
from workers.tables.pack_tables import PackTables
from workers.tables.stored import FacesVersion, StoredEmbeddings


@pytest.fixture
def photos() -> dict[str, NDArray[np.float64]]:
    return {f"{name}.jpg": random_embeddings(2, seed) for seed, name in enumerate("abc")}


@pytest.fixture
def source(tmp_path: Path, photos: dict[str, NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch):
    """Three fragments, read as two parts in another order than they were written."""
    tables = PackTables(None, None, "file:///photos/", S3Settings())  # type: ignore[arg-type]
    monkeypatch.setattr(archives, "COLLECTION", tables.collection)
    archive = made_up(tmp_path, photos)
    tables = PackTables(archive.store, archive.keys, tables.source, S3Settings())
    fragments = list(tables.faces.fragments())
    parts = ((fragments[2],), (fragments[0], fragments[1]))
    return FacesVersion(tables, tables.faces, tables.faces.version, parts, PACK.dimensions)


def test_rows_are_read_part_after_part(source: FacesVersion) -> None:
    names = [name for batch in source.scan(["photo"]) for name in batch["photo"].to_pylist()]
    assert names == ["c.jpg"] * 2 + ["a.jpg"] * 2 + ["b.jpg"] * 2
    [batch] = source.scan(["photo"], source.parts[0])
    assert set(batch["photo"].to_pylist()) == {"c.jpg"}


def test_embeddings_come_in_the_order_in_which_they_are_asked_for(
    source: FacesVersion, photos: dict[str, NDArray[np.float64]]
) -> None:
    stored = np.concatenate([photos[f"{name}.jpg"] for name in "cab"])
    wanted = np.array([5, 0, 3])
    found = StoredEmbeddings(source)[wanted]
    np.testing.assert_allclose(found, stored[wanted], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    turned = StoredEmbeddings(source, np.arange(6)[::-1])[wanted]
    np.testing.assert_allclose(turned, stored[[0, 5, 2]], atol=1e-3)
