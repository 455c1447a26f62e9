"""Who every face is: matched, put into a cluster, or given that cluster's name."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.messages import PackRecord
from headcount.records import Decision
from workers.calibrate import search_threshold
from workers.cluster import cluster, join_rule
from workers.context import Unit
from workers.decisions import Decided
from workers.gallery import Gallery
from workers.identities import (
    Naming,
    Seen,
    cluster_names,
    lend_names,
    name_clusters,
)
from workers.match import NOBODY, Matches, accepted, match, probability


def applied_threshold(unit: Unit, gallery: Gallery) -> float:
    """The cosine from which on a face is matched, for this gallery's size."""
    pack = unit.pack.record
    return search_threshold(
        pack.threshold,
        pack.fmr,
        pack.decade,
        references=len(gallery.descriptors),
        false_positives=unit.spec.false_positives,
    )


def decide(
    faces: pa.Table,
    descriptors: NDArray[np.float32],
    gallery: Gallery,
    pack: PackRecord,
    *,
    threshold: float,
    rejected: Collection[tuple[str, str]] = (),
) -> pa.Table:
    """Add what matching says of each face. Nobody is matched to whom they were rejected for."""
    matches = _match(faces, descriptors, gallery, rejected)
    usable = faces["usable"].to_numpy(zero_copy_only=False).astype(bool)
    photo_numbers = faces["photo"].combine_chunks().dictionary_encode().indices
    good = accepted(
        matches,
        usable,
        photo_numbers.to_numpy(zero_copy_only=False).astype(np.int64),
        threshold=threshold,
        margin=pack.margin,
    )
    decision = np.where(good, Decision.MATCHED, Decision.UNKNOWN).astype(object)
    decision[~usable] = Decision.IGNORED.value
    alike = (matches.person != NOBODY) & (np.nan_to_num(matches.similarity, nan=-1) >= threshold)
    return _with_columns(
        faces,
        {
            "decision": pa.array([str(d) for d in decision], pa.string()),
            "person_id": _names(gallery.person_ids, matches.person, good),
            "person": _names(gallery.names, matches.person, good),
            "nearest": _names(gallery.names, matches.person, matches.person >= 0),
            "alike": _names(gallery.person_ids, matches.person, alike),
            "similarity": _numbers(matches.similarity),
            "probability": _numbers(probability(matches.similarity, pack.calibration)),
            "runner_up": _names(gallery.names, matches.runner_up, matches.runner_up >= 0),
            "margin": _numbers(matches.margin),
        },
    )


def _match(
    faces: pa.Table,
    descriptors: NDArray[np.float32],
    gallery: Gallery,
    rejected: Collection[tuple[str, str]],
) -> Matches:
    """The nearest people of each face, among those it was not rejected for."""
    matches = match(descriptors, gallery)
    barred: dict[str, set[str]] = {}
    for face, person in rejected:
        barred.setdefault(face, set()).add(person)
    groups: dict[frozenset[str], list[int]] = {}
    for row, face in enumerate(faces["face_id"].to_pylist() if barred else ()):
        if face in barred:
            groups.setdefault(frozenset(barred[face]), []).append(row)
    for people, rows in groups.items():
        rest = gallery.without(people)
        again = match(descriptors[rows], rest)
        where = np.array([*(gallery.person_ids.index(p) for p in rest.person_ids), NOBODY])
        matches.person[rows] = where[again.person]  # NOBODY is the last of them
        matches.runner_up[rows] = where[again.runner_up]
        matches.similarity[rows] = again.similarity
        matches.runner_up_similarity[rows] = again.runner_up_similarity
    return matches


def _with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _names(names: tuple[str, ...], which: NDArray[np.int32], where: NDArray[np.bool_]) -> pa.Array:
    return pa.array(
        [names[i] if ok else None for i, ok in zip(which, where, strict=True)], pa.string()
    )


def _numbers(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(values, pa.float32(), from_pandas=True)  # NaN becomes null


def add_clusters(
    unit: Unit,
    faces: pa.Table,
    descriptors: NDArray[np.float32],
    earlier: pa.Table,
    decided: Decided,
) -> pa.Table:
    """Add the cluster of each face that can be judged. Copies of one photo share clusters."""
    judged = pc.not_equal(faces["decision"], Decision.IGNORED.value)
    rows = np.flatnonzero(judged.to_numpy(zero_copy_only=False))
    ids, photos = faces["face_id"].to_pylist(), faces["photo"].to_pylist()
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(ids[row], int(row))
    unique = sorted(first)
    must, cannot = decided.links({face: n for n, face in enumerate(unique)})
    labels = cluster(
        descriptors[[first[face] for face in unique]],
        [photos[first[face]] for face in unique],
        rule=join_rule(
            unit.pack.record.cluster_threshold,
            unit.pack.record.cluster_group_threshold,
            faces=len(unique),
            purity=unit.spec.purity,
            decade=unit.pack.record.decade,
        ),
        must_link=must,
        cannot_link=cannot,
    )
    names = dict(zip(unique, name_clusters(labels, unique, clusters_in(earlier)), strict=True))
    wanted = set(rows.tolist())
    column = [names[face] if row in wanted else None for row, face in enumerate(ids)]
    return faces.append_column("cluster_id", pa.array(column, pa.string()))


def add_lent_names(
    faces: pa.Table, rejected: Collection[tuple[str, str]]
) -> tuple[pa.Table, dict[str, Naming]]:
    """Give the faces of clusters that are somebody that name; and who which cluster is."""
    rows = faces.select(["decision", "person_id", "person", "cluster_id"]).to_pylist()
    seen = Seen(
        faces=faces["face_id"].to_pylist(),
        photos=faces["photo"].to_pylist(),
        clusters=[row["cluster_id"] for row in rows],
        matched=[row["person_id"] for row in rows],
        alike=faces["alike"].to_pylist(),
        quality=faces["quality"].to_pylist(),
    )
    names = cluster_names(seen)
    lent = lend_names(seen, names, rejected)
    known = {row["person_id"]: row["person"] for row in rows}
    evidence: list[str | None] = [None] * len(rows)
    for at, naming in lent.items():
        rows[at]["decision"] = Decision.INFERRED.value
        rows[at]["person_id"], rows[at]["person"] = naming.person_id, known[naming.person_id]
        evidence[at] = naming.evidence
    for name in ("decision", "person_id", "person"):
        column = pa.array([row[name] for row in rows], pa.string())
        faces = faces.set_column(faces.schema.get_field_index(name), name, column)
    return faces.append_column("evidence", pa.array(evidence, pa.string())), names


def clusters_in(roll: pa.Table) -> dict[str, str]:
    """The cluster of each face that has one."""
    pairs = zip(roll["face_id"].to_pylist(), roll["cluster_id"].to_pylist(), strict=True)
    return {face: name for face, name in pairs if name is not None}


def people_in(roll: pa.Table) -> dict[str, str]:
    """The person of each cluster that is somebody."""
    rows = roll.select(["cluster_id", "person_id", "decision"]).to_pylist()
    seen = Seen(
        faces=roll["face_id"].to_pylist(),
        photos=roll["photo"].to_pylist(),
        clusters=[row["cluster_id"] for row in rows],
        matched=[r["person_id"] if r["decision"] == Decision.MATCHED else None for r in rows],
        alike=[None] * len(rows),
        quality=[0.0] * len(rows),
    )
    return {name: naming.person_id for name, naming in cluster_names(seen).items()}
