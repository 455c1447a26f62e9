"""The schemas of the archive's tables."""

from __future__ import annotations

import pyarrow as pa

from headcount.contract import columns

PHOTOS = columns.PHOTOS.stored()


def faces_schema(dimensions: int) -> pa.Schema:
    """One row per face; embeddings in fp16, whose cosine error is below 1e-4."""
    return columns.FACES.stored(dimensions)


def gallery_schema(dimensions: int) -> pa.Schema:
    """One row per reference; ``content`` is its photo's SHA-256, empty where a face was named."""
    return columns.GALLERY.stored(dimensions)
