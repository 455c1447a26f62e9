"""Choosing what the report shows of a run: photos, clusters, people, references and failures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice, zip_longest
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments.order import first_rows
from headcount.contract.stored.references import ReferenceReport
from headcount.rosters.statuses import Status
from workers.report.run_result import RunResult
from workers.report.spread import candidates, spread
from workers.report.view import Failure
from workers.report.worth_a_look import Look
from workers.tables.columns import isin

CLUSTERS_SHOWN = 60
CLUSTER_FACES_SHOWN = 12
REFERENCES_SHOWN = 6
FAILURE_EXAMPLES = 5
ROWS_AT_ONCE = 8192
DATES_ASKED = 20_000
"""Photos whose dates are read to choose among them, at most; the others count as undated."""

Taken = Callable[[Collection[str]], Mapping[str, datetime]]
"""When photos were taken, of those that tell it."""


@dataclass(frozen=True, slots=True)
class ClusterFaces:
    """A cluster and its faces to be shown: photo and face id of each, the exemplar first."""

    cluster_id: str
    total_faces: int
    total_photos: int
    faces: tuple[tuple[str, str], ...]


def choose_photos(
    result: RunResult, limit: int, looks: Sequence[Look] = (), taken: Taken = lambda _: {}
) -> set[str]:
    """Choose ``limit`` photos: what needs a look, then people, then whatever else has faces.

    Half of them at most are photos in which somebody is missing, and those of ``looks``, in turn.
    Then everybody has two, over folders and dates; ``taken`` tells the dates of some photos. What
    is left goes to the former, to further photos with names, and to those with faces.
    """
    doubtful = _in_turn(_absent(result, limit), [look.photo for look in looks])[:limit]
    chosen = dict.fromkeys(doubtful[: (limit + 1) // 2])
    named = result.faces.filter(pc.is_valid(result.faces["person_id"]))
    people = candidates(named.select(["photo", "person_id", "quality"]))
    dates = taken(list(islice({key for some in people.values() for key in some}, DATES_ASKED)))
    chosen |= dict.fromkeys(spread(people, dates, limit - len(chosen), chosen))
    chosen |= dict.fromkeys(doubtful)
    for photos in (named["photo"], result.faces["photo"]):
        chosen |= dict.fromkeys(_evenly(photos, limit - len(chosen), chosen))
    return set(list(chosen)[:limit])


def _absent(result: RunResult, limit: int) -> list[str]:
    """Photos in which somebody is missing: near misses, then some evenly spaced over the others."""
    absent = result.absent_by_photo
    near = absent["photo"].filter(pc.equal(absent["status"], Status.NEAR_MISS))
    first: list[str] = near.unique().sort()[:limit].to_pylist()
    return first + _evenly(absent["photo"], limit - len(first), first)


def _in_turn(*lists: Sequence[str]) -> list[str]:
    """One of each list in turn, each text once."""
    every = chain.from_iterable(zip_longest(*lists))
    return list(dict.fromkeys(one for one in every if one is not None))


def _evenly(photos: pa.ChunkedArray, count: int, besides: Collection[str]) -> list[str]:
    """At most ``count`` of the distinct photos, evenly spaced by key, and so over folders.

    The first ones alone are spaced as evenly.
    """
    if count <= 0:
        return []
    keys = photos.unique().sort()
    keys = keys.filter(pc.invert(isin(keys, besides)))
    places = np.unique(np.linspace(0, len(keys) - 1, min(count, len(keys))).round().astype(int))
    spaced: list[str] = keys.take(pa.array(places, pa.int64())).to_pylist()
    width = len(spaced).bit_length()
    return [one for _, one in sorted((f"{n:0{width}b}"[::-1], k) for n, k in enumerate(spaced))]


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
