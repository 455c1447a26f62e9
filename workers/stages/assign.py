"""Decide of every face who it is: match it, put it into a cluster, or give it that one's name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from operator import add

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from headcount.contract.vocabulary import (
    ANOTHER_FACE,
    DISMISSED,
    NAMED_BY_PERSON,
    NOT_A_FACE,
    REJECTED,
    Decision,
)
from workers.clustering.cluster import cluster, join_rule
from workers.clustering.knn import Edges
from workers.clustering.linkage import LinkageRule
from workers.identity.apply_answers import Answers
from workers.identity.cluster_ids import PARTITION, cluster_names, evidence, propagate_names
from workers.matching.calibration import search_threshold
from workers.matching.match import NOBODY, Matches, alike_enough, match
from workers.matching.photo_rule import one_per_photo
from workers.matching.posterior import Likeness, Pictures, nearest_is_right
from workers.people.gallery import Gallery
from workers.tables.columns import (
    NONE,
    Numbers,
    as_bool,
    factorize,
    factorize_sorted,
    first_of_each,
    index_of,
    isin,
    one_array,
    take_or_null,
)
from workers.tables.embeddings import EmbeddingMatrix

DECISIONS = (Decision.MATCHED, Decision.UNKNOWN, Decision.IGNORED)
REASONS = (NAMED_BY_PERSON, ANOTHER_FACE, REJECTED, NOT_A_FACE)
"""Reasons of a name, or of none, that are written beside it."""


def applied_threshold(gallery: Gallery, pack: PackRecord, false_positives: float) -> float:
    """The evidence from which on a face is matched, for this gallery's size.

    ``false_positives`` is the share of people not enrolled who may be taken for somebody.
    """
    return search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=len(gallery.embeddings),
        false_positives=false_positives,
    )


def assign(
    faces: pa.Table,
    embeddings: EmbeddingMatrix,
    weaknesses: NDArray[np.float32],
    gallery: Gallery,
    pack: PackRecord,
    *,
    threshold: float,
    rejected: Collection[tuple[str, str]] = (),
    by_hand: Mapping[str, str] | None = None,
    not_faces: Collection[str] = (),
    matches: Matches | None = None,
) -> pa.Table:
    """Add the decision of each face, with the person, cosine and evidence that it rests on.

    ``rejected`` are pairs of a face and a person that it is never matched to; ``by_hand`` are the
    people that faces were named, by face id, whatever they are like; ``not_faces`` are no faces,
    as people said: they are ignored; ``matches`` are those of the faces, where another task has
    compared them.
    """
    matches = match(embeddings, gallery, weaknesses) if matches is None else matches
    barred = _match_rejected(
        matches, faces, embeddings, weaknesses, gallery, rejected=rejected, threshold=threshold
    )
    none = as_bool(isin(faces["face_id"], not_faces))
    usable = as_bool(faces["usable"]) & ~none
    good = alike_enough(matches, usable, threshold=threshold, margin=pack.margin)
    named = _named_by_hand(faces, by_hand or {}, gallery)
    matched, reasons = _settle(
        faces, embeddings, matches, good, named=named, barred=barred & usable
    )
    reasons[none] = REASONS.index(NOT_A_FACE)
    decision = np.where(matched != NONE, 0, np.where(usable, 1, 2))
    ids, names = (pa.array(texts, pa.string()) for texts in (gallery.person_ids, gallery.names))
    chances = _chances(matches, faces, weaknesses, gallery, pack=pack, usable=usable)
    return _with_columns(
        faces,
        {
            "decision": take_or_null(DECISIONS, decision),
            "person_id": take_or_null(ids, matched),
            "person": take_or_null(names, matched),
            "probability": _numbers(chances),
            "evidence": take_or_null(REASONS, reasons),
            **_figures(matches, gallery, threshold),
        },
    )


def _figures(matches: Matches, gallery: Gallery, threshold: float) -> dict[str, pa.Array]:
    """The columns that say whom each face is like, and how much."""
    ids, names = (pa.array(texts, pa.string()) for texts in (gallery.person_ids, gallery.names))
    references = pa.array(map(add, gallery.sources, gallery.photos), pa.string())
    alike = (matches.person != NOBODY) & (np.nan_to_num(matches.evidence, nan=-1) >= threshold)
    return {
        "nearest": take_or_null(names, matches.person),
        "alike": take_or_null(ids, np.where(alike, matches.person, NONE)),
        "similarity": _numbers(np.minimum(matches.similarity, np.float32(1))),
        "runner_up": take_or_null(names, matches.runner_up),
        "margin": _numbers(matches.margin),
        "nearest_person_id": take_or_null(ids, matches.person),
        "reference": take_or_null(references, matches.reference),
        "discount": _numbers(np.maximum(matches.discount, np.float32(0))),
    }


def _chances(
    matches: Matches,
    faces: pa.Table,
    weaknesses: NDArray[np.float32],
    gallery: Gallery,
    *,
    pack: PackRecord,
    usable: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """The chance of each usable face that its nearest person is right; NaN where it is unknown."""
    return nearest_is_right(
        matches,
        Pictures.of(faces["quality"].to_numpy(), weaknesses, pack.cosine_per_decade),
        np.diff(gallery.starts, append=len(gallery.embeddings)),
        Likeness.of(pack.fmr, pack.calibration),
        usable,
    )


def _settle(
    faces: pa.Table,
    embeddings: EmbeddingMatrix,
    matches: Matches,
    good: NDArray[np.bool_],
    *,
    named: Numbers,
    barred: NDArray[np.bool_],
) -> tuple[Numbers, Numbers]:
    """The person of each face, or NONE, and which of the REASONS the figures do not tell, or NONE.

    ``good`` faces are alike enough to their nearest person, ``named`` ones are somebody's by hand,
    ``barred`` ones were alike enough to somebody that they were rejected for.
    """
    rule = one_per_photo(
        good,
        matches.person,
        matches.evidence,
        factorize(faces["photo"])[0],
        embeddings,
        by_hand=named,
    )
    said = named != NONE
    matched = np.where(said, named, np.where(rule.kept, matches.person, NONE))
    which = [said, rule.kept, rule.lost, barred]
    return matched, np.select(which, [0, NONE, 1, 2], NONE)


def _named_by_hand(faces: pa.Table, by_hand: Mapping[str, str], gallery: Gallery) -> Numbers:
    """The position in the gallery of the person that each face was named; NONE for most."""
    known = {person: n for n, person in enumerate(gallery.person_ids)}
    said = {face: known[person] for face, person in by_hand.items() if person in known}
    at = index_of(faces["face_id"], pa.array(list(said), pa.string()))
    people = np.array([*said.values(), NONE], np.int64)
    return people[at]  # NONE is the last


def _match_rejected(
    matches: Matches,
    faces: pa.Table,
    embeddings: EmbeddingMatrix,
    weaknesses: NDArray[np.float32],
    gallery: Gallery,
    *,
    rejected: Collection[tuple[str, str]],
    threshold: float,
) -> NDArray[np.bool_]:
    """Compare faces that were rejected for somebody with everybody else, in place.

    Gives a mask of the faces that were alike enough to somebody that they were rejected for.
    """
    barred: defaultdict[str, set[str]] = defaultdict(set)
    for face, person in rejected:
        barred[face].add(person)
    rows = np.flatnonzero(as_bool(isin(faces["face_id"], barred)))
    people = {person for _, person in rejected}
    at = {person: n for n, person in enumerate(gallery.person_ids) if person in people}
    ids = faces["face_id"].take(pa.array(rows)).to_pylist()
    apart = [[at[person] for person in barred[face] if person in at] for face in ids]
    was = matches.at(rows)
    found = np.zeros(len(faces), bool)
    found[rows] = [
        person in people and evidence >= threshold
        for person, evidence, people in zip(was.person, was.evidence, apart, strict=True)
    ]
    again = match(embeddings[rows], gallery, weaknesses[rows], barred=apart)
    for name, values in matches.arrays().items():
        values[rows] = getattr(again, name)
    return found


def _with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _numbers(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(values, pa.float32(), from_pandas=True)  # NaN becomes null


def to_cluster(faces: pa.Table) -> tuple[Numbers, pa.Array]:
    """The rows of the usable faces, sorted by face id, and these ids.

    Each id is there once: copies of one photo share clusters.
    """
    rows = np.flatnonzero(as_bool(faces["usable"]))
    number, face_ids = factorize_sorted(faces["face_id"].take(rows))
    return rows[first_of_each(number)], face_ids


def without(
    not_faces: Collection[str], rows: Numbers, face_ids: pa.Array, edges: Edges | None
) -> tuple[Numbers, pa.Array, Edges | None]:
    """The rows and ids of faces to cluster, and their neighbour graph, without what is no face."""
    if not not_faces:
        return rows, face_ids, edges
    kept = ~as_bool(isin(face_ids, not_faces))
    if edges is not None:
        edges = edges.among(kept)
    return rows[kept], face_ids.filter(pa.array(kept)), edges


def linkage_rule(pack: PackRecord, faces: int, purity: float) -> LinkageRule:
    """Linkage rule for a collection of ``faces`` faces; a higher ``purity`` joins fewer."""
    return join_rule(
        pack.cluster_threshold,
        pack.cluster_group_threshold,
        faces=faces,
        purity=purity,
        cosine_per_decade=pack.cosine_per_decade,
    )


def find_clusters(
    photos: pa.ChunkedArray,
    face_ids: pa.Array,
    embeddings: EmbeddingMatrix,
    weaknesses: NDArray[np.float32],
    answers: Answers,
    *,
    rule: LinkageRule,
    edges: Edges | None = None,
) -> NDArray[np.int32]:
    """The number of each face's cluster; ``edges`` is the neighbour graph, if another task made it.

    ``photos`` has the photo of each face, ``answers`` say which faces must or cannot be together.
    """
    photo = factorize(photos)[0]
    must, cannot = answers.links(_positions_of(face_ids, answers), photo)
    return cluster(
        embeddings,
        photo,
        rule=rule,
        weaknesses=weaknesses,
        must_link=must,
        cannot_link=cannot,
        edges=edges,
    )


def _positions_of(face_ids: pa.Array, answers: Answers) -> dict[str, int]:
    """The positions of the faces that answers mention, by face id."""
    at = np.flatnonzero(as_bool(isin(face_ids, answers.mentioned)))
    return {face_ids[n].as_py(): n for n in at.tolist()}


def add_clusters(faces: pa.Table, face_ids: pa.Array, names: pa.Array) -> pa.Table:
    """Add the cluster of each usable face; ``names`` are the clusters of ``face_ids``."""
    at = np.where(as_bool(faces["usable"]), index_of(faces["face_id"], face_ids), NONE)
    return faces.append_column("cluster_id", take_or_null(names, at))


def add_inferred_names(
    faces: pa.Table, rejected: Collection[tuple[str, str]]
) -> tuple[pa.Table, pa.Table]:
    """Give each named cluster's name to its other faces; also gives the NAMINGS of the clusters."""
    names = cluster_names(faces)
    naming = propagate_names(faces, names, rejected)
    known = faces.select(["person_id", "person"]).filter(pc.is_valid(faces["person_id"]))
    known = known.group_by("person_id").aggregate([("person", "min")])
    called = take_or_null(known["person_min"], index_of(names["person_id"], known["person_id"]))
    inferred = pa.array(naming != NONE)
    given = {
        "decision": pa.scalar(Decision.INFERRED.value),
        "person_id": take_or_null(names["person_id"], naming),
        "person": take_or_null(called, naming),
    }
    for name, column in given.items():
        at = faces.schema.get_field_index(name)
        faces = faces.set_column(at, name, pc.if_else(inferred, column, faces[name]))
    at = faces.schema.get_field_index("evidence")
    why = pc.coalesce(take_or_null(evidence(names), naming), one_array(faces["evidence"]))
    return faces.set_column(at, "evidence", why), names


def with_dismissed(faces: pa.Table, dismissed: Collection[str]) -> pa.Table:
    """The faces; those of the ``dismissed`` that stay unknown have that as their evidence."""
    if not dismissed:
        return faces
    unknown = pc.equal(faces["decision"], Decision.UNKNOWN.value)
    told = pc.and_(unknown, isin(faces["face_id"], dismissed))
    column = pc.if_else(told, DISMISSED, faces["evidence"])
    return faces.set_column(faces.schema.get_field_index("evidence"), "evidence", column)


def clusters_in(assignments: pa.Table) -> pa.Table:
    """The PARTITION of a run: the cluster of each face that has one."""
    inside = assignments.select(PARTITION.names).filter(pc.is_valid(assignments["cluster_id"]))
    once = inside.group_by("face_id", use_threads=False).aggregate([("cluster_id", "last")])
    return once.rename_columns(PARTITION.names)


def people_in(assignments: pa.Table) -> pa.Table:
    """The NAMINGS of a run: the person of each cluster that is somebody."""
    matched = pc.equal(assignments["decision"], Decision.MATCHED.value)
    nobody = pa.scalar(None, pa.string())
    person = pc.if_else(matched, assignments["person_id"], nobody)
    return cluster_names(assignments.select(["cluster_id"]).append_column("person_id", person))
