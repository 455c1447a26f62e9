"""Photos, faces and references as rows of the archive's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.contract.columns import QUALITY_PARTS
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import DrawnBox, Photo, drawn_face_id, face_id
from headcount.settings import ProfileName
from headcount.tables.schemas import PHOTOS, faces_schema
from workers.faces.analysis import Analysis
from workers.tables.columns import one_array


def photo_rows(
    photos: Sequence[Photo], collection: str, spec: JobSpec, profiles: Sequence[ProfileName]
) -> pa.Table:
    """One row per photo; ``profiles`` has the profile that each was searched with."""
    columns: dict[str, Any] = {
        "collection": [collection] * len(photos),
        "job_id": [spec.job_id] * len(photos),
        "profile": list(profiles),
        "photo": [photo.key for photo in photos],
        "etag": [photo.etag for photo in photos],
        "bytes": [photo.size for photo in photos],
        "width": [photo.width for photo in photos],
        "height": [photo.height for photo in photos],
        "orientation": [photo.orientation for photo in photos],
        "outcome": [photo.outcome.value for photo in photos],
        "reason": [photo.reason for photo in photos],
        "faces": [photo.faces for photo in photos],
        "content": [photo.content for photo in photos],
        "reading": [photo.reading for photo in photos],
        "stored_width": [photo.stored_width or None for photo in photos],
        "stored_height": [photo.stored_height or None for photo in photos],
        "taken": [photo.taken.at for photo in photos],
        "taken_offset": [photo.taken.offset for photo in photos],
        "taken_source": [photo.taken.source for photo in photos],
        "taken_reason": [photo.taken.reason for photo in photos],
        "carried": [photo.carried for photo in photos],
    }
    return pa.table(columns, schema=PHOTOS)


def face_rows(
    pairs: Iterable[tuple[Photo, Analysis | None]],
    pack: PackRecord,
    collection: str,
    spec: JobSpec,
) -> pa.Table:
    """One row per face, in the order of the photos and of each photo's faces."""
    found = [(photo, analysis) for photo, analysis in pairs if analysis is not None]
    schema = faces_schema(pack.dimensions)
    photos = [photo.key for photo, analysis in found for _ in range(len(analysis))]
    if not photos:
        return schema.empty_table()
    boxes = _joined([analysis.boxes for _, analysis in found])
    columns: dict[str, Any] = {
        "collection": [collection] * len(photos),
        "job_id": [spec.job_id] * len(photos),
        "photo": photos,
        "face_id": [
            _face_id(photo, pack.pack_id, spec.profile, number)
            for photo, analysis in found
            for number in analysis.numbers or range(len(analysis))
        ],
        **{name: boxes[:, index] for index, name in enumerate("xywh")},
        "landmarks": fixed_lists(_joined([a.landmarks.reshape(-1, 10) for _, a in found])),
        "detection_score": _joined([analysis.scores for _, analysis in found]),
        "quality": _joined([analysis.qualities for _, analysis in found]),
        "pass": [name for _, analysis in found for name in analysis.passes],
        "usable": np.concatenate([analysis.usable for _, analysis in found]),
        "descriptor": fixed_lists(
            _joined([analysis.embeddings for _, analysis in found]).astype(np.float16)
        ),
        **{name: _part([analysis for _, analysis in found], name) for name in QUALITY_PARTS},
    }
    return pa.table(columns, schema=schema)


def _face_id(photo: Photo, pack_id: str, profile: str, number: int | DrawnBox) -> str:
    if isinstance(number, tuple):
        return drawn_face_id(photo.content, pack_id, number)
    return face_id(photo.content, pack_id, profile, number, photo.reading)


def stored_parts(rows: pa.Table) -> dict[str, pa.ChunkedArray | pa.Array]:
    """The columns of the parts of the quality of N faces; null where the table has none."""
    unknown = pa.nulls(len(rows), pa.float32())
    return {name: rows[name] if name in rows.schema.names else unknown for name in QUALITY_PARTS}


def fixed_lists(rows: NDArray[Any]) -> pa.FixedSizeListArray:
    """N x D numbers as a column of N lists of length D."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])


def matrix(column: pa.ChunkedArray | pa.Array) -> NDArray[np.float32]:
    """A column of N lists of length D as N x D fp32."""
    return np.ascontiguousarray(stored_matrix(column), dtype=np.float32)


def stored_matrix(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """A column of N lists of length D as N x D numbers of their own type, not copied."""
    column = one_array(column)
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat).reshape(-1, column.type.list_size)


def _part(analyses: Sequence[Analysis], name: str) -> pa.Array:
    """The column of a part of the quality; null where it was not measured."""
    unknown = [a.parts.get(name, np.full(len(a), np.nan, np.float32)) for a in analyses]
    return pa.array(_joined(unknown), from_pandas=True)


def _joined(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(parts).astype(np.float32, copy=False)
