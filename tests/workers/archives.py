"""A small archive of made-up faces, without photos or models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.contract.columns import QUALITY_PARTS
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice, PackRecord
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.schemas import faces_schema, gallery_schema
from headcount.tables.table import Table
from workers.tables.rows import fixed_lists

PACK = PackRecord(
    **dict.fromkeys(("name", "pack_id", "digest", "detector", "detector_sha256"), "made-up"),
    **dict.fromkeys(("recogniser", "recogniser_sha256", "licence"), "made-up"),
    dimensions=128,
    threshold=0.45,
    margin=0.05,
    cluster_threshold=0.5,
    fmr=((1e-2, 0.30), (1e-3, 0.36), (1e-4, 0.41)),
)
COLLECTION = "of-a-test"


@dataclass(frozen=True)
class MadeUp:
    """An archive in a folder."""

    store: Store
    keys: PackKeys

    @property
    def uri(self) -> str:
        return self.store.uri


def made_up(
    folder: Path,
    photos: Mapping[str, NDArray[np.floating]],
    *,
    qualities: Mapping[str, Sequence[float]] | None = None,
) -> MadeUp:
    """An archive that knows these photos by the embeddings of their faces, and no reference.

    Face n of a photo has the id PHOTO/n.
    """
    store, keys = open_store(str(folder)), PackKeys(PACK.pack_id)
    choice = ModelChoice(name=PACK.name, pack_id=PACK.pack_id)
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=choice).to_bytes())
    store.put(keys.record, PACK.to_bytes())
    gallery = Table(store.uri, keys.gallery, S3Settings())
    gallery.create(gallery_schema(PACK.dimensions))
    table = Table(store.uri, keys.faces, S3Settings())
    table.create(faces_schema(PACK.dimensions))
    for photo, embeddings in photos.items():
        count = len(embeddings)
        table.append(
            pa.table(
                {
                    "collection": [COLLECTION] * count,
                    "job_id": ["job"] * count,
                    "photo": [photo] * count,
                    "face_id": [f"{photo}/{number}" for number in range(count)],
                    **{name: np.full(count, 10, np.float32) for name in "xywh"},
                    "landmarks": fixed_lists(np.zeros((count, 10), np.float32)),
                    "detection_score": np.full(count, 0.9, np.float32),
                    "quality": np.array((qualities or {}).get(photo, [0.8] * count), np.float32),
                    "pass": ["whole"] * count,
                    "usable": [True] * count,
                    "descriptor": fixed_lists(embeddings.astype(np.float16)),
                    **dict.fromkeys(QUALITY_PARTS, [None] * count),
                },
                schema=faces_schema(PACK.dimensions),
            )
        )
    return MadeUp(store, keys)


def random_embeddings(count: int, seed: int) -> NDArray[np.float64]:
    """So many unit vectors of people who are not alike."""
    rows = np.random.default_rng(seed).standard_normal((count, PACK.dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def like(embedding: NDArray[np.float64], cosine: float, seed: int) -> NDArray[np.float64]:
    """A unit vector at this cosine of another."""
    other = random_embeddings(1, seed)[0]
    other -= embedding * (embedding @ other)
    return np.asarray(cosine * embedding + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other))
