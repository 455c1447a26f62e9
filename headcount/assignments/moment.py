"""The faces that a cluster had at one moment: as one job assigned them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments import history
from headcount.contract.layout import PackKeys
from headcount.storage import Store

Moment = tuple[str, str]
"""A job and one of its clusters."""


def cluster_faces(
    store: Store, keys: PackKeys, wanted: Sequence[Moment | None]
) -> list[tuple[str, ...]]:
    """Ids of all faces that each wanted job put into the cluster beside it, sorted.

    None where nothing is wanted, and where the job's assignments are gone. ``keys`` are those of
    the pack that the jobs had.
    """
    by_job: defaultdict[str, set[str]] = defaultdict(set)
    for job_id, cluster in filter(None, wanted):
        by_job[job_id].add(cluster)
    found: dict[Moment, tuple[str, ...]] = {}
    for collection in history.collections_of(store, keys) if by_job else ():
        for job_id, clusters in by_job.items():
            assigned = history.read_assignments(store, keys, collection, job_id)
            faces = faces_by_cluster(assigned, clusters)
            found |= {(job_id, cluster): ids for cluster, ids in faces.items()}
    return [() if one is None else found.get(one, ()) for one in wanted]


def faces_by_cluster(assignments: pa.Table, wanted: set[str]) -> dict[str, tuple[str, ...]]:
    """The ids of each wanted cluster's faces, sorted; a face of copies once."""
    if not wanted:
        return {}
    clusters = pa.array(sorted(wanted), pa.string())
    inside = assignments.filter(pc.is_in(assignments["cluster_id"], value_set=clusters))
    pairs = inside.group_by(["cluster_id", "face_id"]).aggregate([])
    faces: defaultdict[str, list[str]] = defaultdict(list)
    for row in pairs.sort_by([("cluster_id", "ascending"), ("face_id", "ascending")]).to_pylist():
        faces[row["cluster_id"]].append(row["face_id"])
    return {cluster: tuple(ids) for cluster, ids in faces.items()}
