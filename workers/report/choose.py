"""Choosing what the report shows of a run: photos, clusters, people, references and failures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments.order import first_rows
from headcount.contract.stored.references import ReferenceReport
from workers.report.run_result import RunResult
from workers.report.view import Failure
from workers.tables.columns import isin

CLUSTERS_SHOWN = 60
CLUSTER_FACES_SHOWN = 12
REFERENCES_SHOWN = 6
FAILURE_EXAMPLES = 5
ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class ClusterFaces:
    """A cluster and its faces to be shown: photo and face id of each, the exemplar first."""

    cluster_id: str
    total_faces: int
    total_photos: int
    faces: tuple[tuple[str, str], ...]


def choose_photos(result: RunResult, limit: int) -> set[str]:
    """Choose ``limit`` photos: with missing people first, then with names, then with faces."""
    photos = result.faces["photo"]
    named = photos.filter(pc.is_valid(result.faces["person_id"]))
    absent = pc.unique(result.absent_by_photo["photo"]).sort()
    wanted = [
        *absent[:limit].to_pylist(),
        *(key for some in (named, photos) for key in some.unique()[:limit].to_pylist()),
    ]
    return set(list(dict.fromkeys(wanted))[:limit])


def choose_clusters(result: RunResult) -> list[ClusterFaces]:
    """Choose the first CLUSTERS_SHOWN clusters without a name, with their best faces."""
    top = result.unnamed.slice(0, CLUSTERS_SHOWN)
    rows = result.faces.select(["cluster_id", "quality", "photo", "face_id"])
    rows = rows.filter(isin(rows["cluster_id"], top["cluster_id"].to_pylist()))
    return [
        ClusterFaces(c["cluster_id"], c["faces"], c["photos"], _best_faces(rows, c["cluster_id"]))
        for c in top.to_pylist()
    ]


def _best_faces(rows: pa.Table, cluster: str) -> tuple[tuple[str, str], ...]:
    """Photo and face id of a cluster's faces of the highest quality."""
    rows = rows.filter(pc.equal(rows["cluster_id"], cluster))
    order = [("quality", "descending"), ("face_id", "ascending"), ("photo", "ascending")]
    best = first_rows(rows, CLUSTER_FACES_SHOWN, order).to_pylist()
    return tuple((row["photo"], row["face_id"]) for row in best)


def choose_people(people: pa.Table, limit: int) -> pa.Array:
    """Rows of the ``limit`` people with the most faces, then by name."""
    by = [("faces", "descending"), ("person", "ascending"), ("person_id", "ascending")]
    return pc.sort_indices(people, sort_keys=by).slice(0, limit)


def failed_references(
    references: Iterable[ReferenceReport],
) -> dict[str, list[ReferenceReport]]:
    """The first REFERENCES_SHOWN references of each person that could not be used."""
    failed: defaultdict[str, list[ReferenceReport]] = defaultdict(list)
    for report in references:
        if report.refused and len(failed[report.person]) < REFERENCES_SHOWN:
            failed[report.person].append(report)
    return failed


def notes(references: Iterable[ReferenceReport]) -> dict[tuple[str, str], str]:
    """The reason in the report of references that are in the gallery, by person and photo."""
    return {(r.person, r.photo): r.reason for r in references if r.good and r.reason}


def failures_by_cause(failures: Iterable[Mapping[str, Any]]) -> tuple[Failure, ...]:
    """Count photos that could not be processed by outcome and reason, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in failures:
        cause = row["outcome"], row["reason"] or ""
        counts[cause] += 1
        if len(examples[cause]) < FAILURE_EXAMPLES:
            examples[cause].append(row["photo"])
    return tuple(
        Failure(*cause, photos, tuple(examples[cause]))
        for cause, photos in sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    )


def rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table that may be long, ROWS_AT_ONCE held at a time."""
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from batch.to_pylist()
