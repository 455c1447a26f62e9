"""Who every face is: matched, put into a cluster, or given that cluster's name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from headcount.contract.vocabulary import Decision
from workers.clustering.cluster import cluster, join_rule
from workers.clustering.knn import Edges
from workers.clustering.linkage import LinkageRule
from workers.identity.apply_answers import Decided
from workers.identity.cluster_ids import PARTITION, cluster_names, evidence, propagate_names
from workers.matching.calibration import search_threshold
from workers.matching.match import NOBODY, Matches, accepted, match, probability
from workers.people.gallery import Gallery
from workers.runtime.unit import Unit
from workers.tables.columns import (
    NONE,
    Numbers,
    codes,
    first_of_each,
    isin,
    pick,
    positions,
    sorted_codes,
    truth,
)
from workers.tables.embeddings import EmbeddingMatrix


def applied_threshold(unit: Unit, gallery: Gallery) -> float:
    """The cosine from which on a face is matched, for this gallery's size."""
    pack = unit.figures
    return search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=len(gallery.embeddings),
        false_positives=unit.spec.false_positives,
    )


def decide(
    faces: pa.Table,
    embeddings: EmbeddingMatrix,
    gallery: Gallery,
    pack: PackRecord,
    *,
    threshold: float,
    rejected: Collection[tuple[str, str]] = (),
    matches: Matches | None = None,
) -> pa.Table:
    """Add what matching says of each face. Nobody is matched to whom they were rejected for.

    ``matches`` are those of the faces, where they were compared already.
    """
    matches = match(embeddings, gallery) if matches is None else matches
    _match_rejected(matches, faces, embeddings, gallery, rejected)
    usable = truth(faces["usable"])
    good = accepted(
        matches, usable, codes(faces["photo"])[0], threshold=threshold, margin=pack.margin
    )
    decision = np.where(usable, np.where(good, 0, 1), 2)
    alike = (matches.person != NOBODY) & (np.nan_to_num(matches.similarity, nan=-1) >= threshold)
    matched = np.where(good, matches.person, NONE)
    ids, names = (pa.array(texts, pa.string()) for texts in (gallery.person_ids, gallery.names))
    return _with_columns(
        faces,
        {
            "decision": pick(
                pa.array([Decision.MATCHED, Decision.UNKNOWN, Decision.IGNORED]), decision
            ),
            "person_id": pick(ids, matched),
            "person": pick(names, matched),
            "nearest": pick(names, matches.person),
            "alike": pick(ids, np.where(alike, matches.person, NONE)),
            "similarity": _numbers(matches.similarity),
            "probability": _numbers(probability(matches.similarity, pack.calibration)),
            "runner_up": pick(names, matches.runner_up),
            "margin": _numbers(matches.margin),
        },
    )


def _match_rejected(
    matches: Matches,
    faces: pa.Table,
    embeddings: EmbeddingMatrix,
    gallery: Gallery,
    rejected: Collection[tuple[str, str]],
) -> None:
    """Compare the faces that were rejected for somebody again, with everybody else."""
    barred: defaultdict[str, set[str]] = defaultdict(set)
    for face, person in rejected:
        barred[face].add(person)
    rows = np.flatnonzero(truth(isin(faces["face_id"], barred)))
    people = {person for _, person in rejected}
    at = {person: n for n, person in enumerate(gallery.person_ids) if person in people}
    ids = faces["face_id"].take(pa.array(rows)).to_pylist()
    apart = [[at[person] for person in barred[face] if person in at] for face in ids]
    again = match(embeddings[rows], gallery, barred=apart)
    for name, values in matches.arrays().items():
        values[rows] = getattr(again, name)


def _with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _numbers(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(values, pa.float32(), from_pandas=True)  # NaN becomes null


def to_cluster(faces: pa.Table) -> tuple[Numbers, pa.Array]:
    """The rows of the faces that can be judged, by face id, and these ids.

    Each id is there once: copies of one photo share clusters.
    """
    rows = np.flatnonzero(truth(faces["usable"]))
    number, face_ids = sorted_codes(faces["face_id"].take(rows))
    return rows[first_of_each(number)], face_ids


def rule_of(unit: Unit, faces: int) -> LinkageRule:
    """By which so many faces of the unit's collection are clustered."""
    pack = unit.record
    return join_rule(
        pack.cluster_threshold,
        pack.cluster_group_threshold,
        faces=faces,
        purity=unit.spec.purity,
        decade=pack.cosine_per_decade,
    )


def find_clusters(
    unit: Unit,
    photos: pa.ChunkedArray,
    face_ids: pa.Array,
    embeddings: EmbeddingMatrix,
    decided: Decided,
    *,
    edges: Edges | None = None,
) -> NDArray[np.int32]:
    """The number of each face's cluster; ``edges`` is the graph, where it was made already."""
    photo = codes(photos)[0]
    must, cannot = decided.links(_positions_of(face_ids, decided), photo)
    return cluster(
        embeddings,
        photo,
        rule=rule_of(unit, len(face_ids)),
        must_link=must,
        cannot_link=cannot,
        edges=edges,
    )


def _positions_of(face_ids: pa.Array, decided: Decided) -> dict[str, int]:
    """Where the faces that decisions are about stand."""
    at = np.flatnonzero(truth(isin(face_ids, decided.mentioned)))
    return {face_ids[n].as_py(): n for n in at.tolist()}


def add_clusters(faces: pa.Table, face_ids: pa.Array, names: pa.Array) -> pa.Table:
    """Add the cluster of each face that can be judged; ``names`` are those of ``face_ids``."""
    at = np.where(truth(faces["usable"]), positions(faces["face_id"], face_ids), NONE)
    return faces.append_column("cluster_id", pick(names, at))


def add_lent_names(
    faces: pa.Table, rejected: Collection[tuple[str, str]]
) -> tuple[pa.Table, pa.Table]:
    """Give the faces of clusters that are somebody that name; and who which cluster is."""
    names = cluster_names(faces)
    lent = propagate_names(faces, names, rejected)
    known = faces.select(["person_id", "person"]).filter(pc.is_valid(faces["person_id"]))
    known = known.group_by("person_id").aggregate([("person", "min")])
    called = pick(known["person_min"], positions(names["person_id"], known["person_id"]))
    inferred = pa.array(lent != NONE)
    given = {
        "decision": pa.scalar(Decision.INFERRED.value),
        "person_id": pick(names["person_id"], lent),
        "person": pick(called, lent),
    }
    for name, column in given.items():
        at = faces.schema.get_field_index(name)
        faces = faces.set_column(at, name, pc.if_else(inferred, column, faces[name]))
    return faces.append_column("evidence", pick(evidence(names), lent)), names


def clusters_in(roll: pa.Table) -> pa.Table:
    """The cluster of each face that has one: a PARTITION."""
    inside = roll.select(PARTITION.names).filter(pc.is_valid(roll["cluster_id"]))
    once = inside.group_by("face_id", use_threads=False).aggregate([("cluster_id", "last")])
    return once.rename_columns(PARTITION.names)


def people_in(roll: pa.Table) -> pa.Table:
    """The person of each cluster that is somebody: NAMINGS."""
    matched = pc.equal(roll["decision"], Decision.MATCHED.value)
    nobody = pa.scalar(None, pa.string())
    person = pc.if_else(matched, roll["person_id"], nobody)
    return cluster_names(roll.select(["cluster_id"]).append_column("person_id", person))
