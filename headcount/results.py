"""The results contract: the public tables of a run. A change here is a CHANGELOG entry."""

from __future__ import annotations

import pyarrow as pa

PHOTOS = pa.schema(
    [
        ("photo", pa.string()),
        ("etag", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("orientation", pa.int8()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("faces", pa.int32()),
    ]
)

FACES = pa.schema(
    [
        ("face_id", pa.string()),
        ("photo", pa.string()),
        *((name, pa.float32()) for name in ("x", "y", "w", "h")),
        ("landmarks", pa.list_(pa.float32())),
        ("detection_score", pa.float32()),
        ("quality", pa.float32()),
        ("decision", pa.string()),
        ("person_id", pa.string()),
        ("person", pa.string()),
        ("similarity", pa.float32()),
        ("probability", pa.float32()),
        ("runner_up", pa.string()),
        ("margin", pa.float32()),
        ("cluster_id", pa.string()),
        ("evidence", pa.string()),
    ]
)

PEOPLE = pa.schema(
    [
        ("person_id", pa.string()),
        ("person", pa.string()),
        ("references", pa.int32()),
        ("photos", pa.int32()),
        ("faces", pa.int32()),
    ]
)

CLUSTERS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("faces", pa.int32()),
        ("photos", pa.int32()),
        ("person_id", pa.string()),
        ("exemplar_face_id", pa.string()),
    ]
)

LINEAGE = pa.schema(
    [
        ("job_id", pa.string()),
        ("change", pa.string()),
        ("cluster_id", pa.string()),
        ("earlier_id", pa.string()),
        ("faces", pa.int32()),
        ("person_id", pa.string()),
        ("earlier_person_id", pa.string()),
    ]
)

DIFF = "diff.json"
SUMMARY = "summary.json"
REPORT = "report/index.html"
ANNOTATED = "annotated/"
