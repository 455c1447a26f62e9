"""Ids of clusters that stay over runs, what became of clusters, and names inferred from them.

All by columns, with no object per face or cluster: there may be ten million of either.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.results import LINEAGE
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
    take_or_none,
    take_or_null,
)

MIN_MATCHED_SHARE = 0.2
"""A cluster is named where at least this share of its faces was matched to one person: most faces
of a person who is enrolled are matched, and one false match must not name a crowd."""

PARTITION = pa.schema([("face_id", pa.string()), ("cluster_id", pa.string())])
"""Clusters of one run: the cluster of each face that has one; each face once."""

CHANGES = pa.schema([field for field in LINEAGE if field.name != "job_id"])
"""Changes of clusters between two runs.

``created``, ``lost``; ``split``: a new cluster of faces of an earlier one; ``absorbed``: an
earlier cluster is no more, and most of its faces are in this one; ``moved``: some faces went
from one cluster to another; ``renamed``: another person. ``faces`` are those concerned.
"""

NAMINGS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("person_id", pa.string()),
        ("matched", pa.int64()),
        ("faces", pa.int64()),
    ]
)
"""Named clusters: the person of the matched faces, their number, and that of all faces."""


# -- ids ----------------------------------------------------------------------------------------


def name_clusters(labels: NDArray[np.int32], face_ids: pa.Array, earlier: pa.Table) -> pa.Array:
    """The id of each face's cluster; ``earlier`` is the PARTITION of the last run.

    A cluster keeps the id that most of its faces had; where two claim one id, it goes to the one
    with more such faces, of two with as many to the one with the first face id. A new cluster is
    named after its first face id, so that the same faces are named alike whatever their order, and
    never gets an id of the last run. So two that were joined and are parted have their ids again.
    """
    label = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    old, known = factorize_sorted(earlier["cluster_id"])
    was = take_or_none(old, index_of(face_ids, earlier["face_id"]))
    order = pc.sort_indices(face_ids).to_numpy()
    first = first_of_each(label[order])
    ids = _kept_ids(label, was, first)
    new = np.flatnonzero(ids == NONE)
    new = new[np.argsort(first[new])]
    fresh = _new_ids(face_ids.take(pa.array(order[first[new]])), known)
    ids[new] = len(known) + np.arange(len(new))
    return take_or_null(pa.concat_arrays([known, fresh]), ids[label])


def _kept_ids(label: Numbers, was: Numbers, first: Numbers) -> Numbers:
    """The number of the earlier cluster whose id each cluster keeps; NONE for a new one.

    ``first`` orders the clusters by their first face ids.
    """
    here = was != NONE
    new, old, faces = _flows(label[here], was[here])
    order = np.lexsort((first[new], old, -faces))
    new, old = new[order], old[order]
    taken = _greedy(new, old)
    kept = np.full(len(first), NONE)
    kept[new[taken]] = old[taken]
    return kept


def _flows(one: Numbers, other: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The distinct pairs of numbers side by side, sorted, and the count of each."""
    width = int(other.max()) + 1 if len(other) else 1
    keys, counts = np.unique(one * width + other, return_counts=True)
    first, second = np.divmod(keys, width)
    return first, second, counts


def _greedy(one: Numbers, other: Numbers) -> Numbers:
    """Greedy one-to-one assignment in the given order: the indices of the pairs taken.

    Rounds take all pairs that come first on both sides at once, until none is left.
    """
    left, taken = np.arange(len(one)), [np.zeros(0, np.int64)]
    while len(left):
        first = np.intersect1d(first_of_each(one[left]), first_of_each(other[left]))
        best = left[first]
        taken.append(best)
        left = left[~np.isin(one[left], one[best]) & ~np.isin(other[left], other[best])]
    return np.concatenate(taken)


def _new_ids(faces: pa.Array, known: pa.Array) -> pa.Array:
    """Ids of new clusters, made of their first faces; numbered where one is taken already."""
    ids = pc.binary_join_element_wise("k", pc.utf8_slice_codeunits(faces, 1, 13), "")
    clash = as_bool(pc.is_in(ids, value_set=known))
    again = np.ones(len(ids), bool)
    again[first_of_each(factorize(ids)[0])] = False
    clash |= again
    if not clash.any():
        return ids
    wanted = ids.filter(pa.array(clash))
    taken = _alike(known, wanted) | _alike(ids.filter(pa.array(~clash)), wanted)
    fresh = []
    for name in wanted.to_pylist():
        fresh.append(_unused(name, taken))
        taken.add(fresh[-1])
    return pc.replace_with_mask(ids, pa.array(clash), pa.array(fresh, pa.string()))


def _alike(ids: pa.Array, wanted: pa.Array) -> set[str]:
    """The ids that are one of ``wanted`` once their number is cut off."""
    plain = pc.replace_substring_regex(ids, r"-\d+$", "")
    return set(ids.filter(pc.is_in(plain, value_set=wanted)).to_pylist())


def _unused(name: str, taken: set[str]) -> str:
    """``name``, with the lowest number that makes it unused where it is ``taken``."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


# -- changes ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Runs:
    """The C clusters of two runs: sorted ids, and the faces that each ``had`` and ``have`` (C).

    The flows between them are K sorted pairs: ``faces`` faces went from cluster ``source`` to
    ``target``, which may be the same one.
    """

    ids: pa.Array
    had: Numbers
    have: Numbers
    source: Numbers
    target: Numbers
    faces: Numbers

    @classmethod
    def of(cls, before: pa.Table, after: pa.Table) -> _Runs:
        """The clusters of two PARTITIONs and the flows between them."""
        columns = [one_array(partition["cluster_id"]) for partition in (before, after)]
        code, ids = factorize_sorted(pa.concat_arrays(columns))
        old, new = code[: len(before)], code[len(before) :]
        was = take_or_none(old, index_of(after["face_id"], before["face_id"]))
        here = was != NONE
        had, have = (np.bincount(side, minlength=len(ids)) for side in (old, new))
        return cls(ids, had, have, *_flows(was[here], new[here]))

    def heirs(self) -> Numbers:
        """The cluster that most faces of each earlier one went to; NONE if none did."""
        return self._largest(self.source, self.target)

    def parents(self) -> Numbers:
        """The earlier cluster that most faces of each one come from; NONE if none do."""
        return self._largest(self.target, self.source)

    def _largest(self, one: Numbers, other: Numbers) -> Numbers:
        order = np.argsort(-self.faces, kind="stable")
        order = order[first_of_each(one[order])]
        largest = np.full(len(self.ids), NONE)
        largest[one[order]] = other[order]
        return largest


def changes(
    before: pa.Table, after: pa.Table, named_before: pa.Table, named_after: pa.Table
) -> pa.Table:
    """CHANGES between two runs, of their PARTITIONs and NAMINGS.

    Faces that went from one cluster to another are in exactly one row.
    """
    runs = _Runs.of(before, after)
    ids, had, have = runs.ids, runs.had, runs.have
    heirs, parents = runs.heirs(), runs.parents()
    one, other = _people(ids, named_before), _people(ids, named_after)
    differ = as_bool(pc.not_equal(pc.fill_null(one, ""), pc.fill_null(other, "")))
    created = (have > 0) & (had == 0) & (parents == NONE)
    lost = (had > 0) & (have == 0) & (heirs == NONE)
    renamed = (had > 0) & (have > 0) & differ
    nothing = pa.nulls(len(ids), pa.string())
    return pa.concat_tables(
        [
            _went(runs, heirs, parents),
            _rows(created, "created", (ids, nothing), have, (other, nothing)),
            _rows(lost, "lost", (nothing, ids), had, (nothing, one)),
            _rows(renamed, "renamed", (ids, ids), have, (other, one)),
        ]
    )


def _went(runs: _Runs, heirs: Numbers, parents: Numbers) -> pa.Table:
    """CHANGES of faces that went from one cluster to another: absorbed, split or moved."""
    moved = runs.source != runs.target
    source, target, faces = runs.source[moved], runs.target[moved], runs.faces[moved]
    absorbed = (runs.have[source] == 0) & (heirs[source] == target)
    split = (runs.had[target] == 0) & (parents[target] == source)
    change = take_or_null(
        ("absorbed", "split", "moved"), np.where(absorbed, 0, np.where(split, 1, 2))
    )
    nothing = pa.nulls(len(faces), pa.string())
    everything = np.ones(len(faces), bool)
    clusters = take_or_null(runs.ids, target), take_or_null(runs.ids, source)
    return _rows(everything, change, clusters, faces, (nothing, nothing))


def _people(ids: pa.Array, named: pa.Table) -> pa.Array:
    """The person of each cluster, null where it is nobody."""
    return take_or_null(named["person_id"], index_of(ids, named["cluster_id"]))


def _rows(
    here: NDArray[np.bool_],
    change: str | pa.Array,
    clusters: tuple[pa.Array, pa.Array],
    faces: Numbers,
    people: tuple[pa.Array, pa.Array],
) -> pa.Table:
    """CHANGES where ``here`` is true; the pairs hold the values of now and of before."""
    kind = pa.repeat(change, len(here)) if isinstance(change, str) else change
    columns = [kind, *clusters, pa.array(faces, pa.int32()), *people]
    return pa.table(columns, schema=CHANGES).filter(pa.array(here))


# -- names --------------------------------------------------------------------------------------


def cluster_names(seen: pa.Table) -> pa.Table:
    """NAMINGS of the clusters whose matches are of one person, and not too few.

    ``seen`` has the ``cluster_id`` of each face, null where it is in none, and its ``person_id``,
    null where it is not matched.
    """
    cluster, ids = factorize(seen["cluster_id"])
    person, people = factorize(seen["person_id"])
    faces = np.bincount(cluster[cluster != NONE], minlength=len(ids))
    here = (cluster != NONE) & (person != NONE)
    cluster, person = cluster[here], person[here]
    matched = np.bincount(cluster, minlength=len(ids))
    lowest, highest = np.full(len(ids), len(people)), np.full(len(ids), NONE)
    np.minimum.at(lowest, cluster, person)
    np.maximum.at(highest, cluster, person)
    named = np.flatnonzero((lowest == highest) & (matched >= MIN_MATCHED_SHARE * faces))
    columns = [
        take_or_null(ids, named),
        take_or_null(people, lowest[named]),
        matched[named],
        faces[named],
    ]
    return pa.table(columns, schema=NAMINGS)


def evidence(names: pa.Table) -> pa.Array:
    """The evidence for the name of each cluster's other faces, in words."""
    matched, faces = (one_array(names[c]).cast(pa.string()) for c in ("matched", "faces"))
    return pc.binary_join_element_wise(matched, "of", faces, "faces of the cluster matched", " ")


def propagate_names(
    seen: pa.Table, names: pa.Table, rejected: Collection[tuple[str, str]]
) -> Numbers:
    """The row of ``names`` (NAMINGS) that names each face; NONE where none does.

    A face that is matched, is alike enough to somebody else, or was rejected for that person gets
    no name; of two faces of one photo only one gets a person's name: the matched one has it
    already, else the one of best quality gets it.

    ``seen`` has, of each face, ``face_id``, ``photo``, ``quality``, ``cluster_id``, null where it
    is in none, ``person_id``, null where it is not matched, and ``alike``, the person that it is
    alike enough to by itself, matched or not.
    """
    naming = index_of(seen["cluster_id"], names["cluster_id"])
    person, people = factorize(names["person_id"])
    given = take_or_none(person, naming)
    matched, alike = (index_of(seen[name], people) for name in ("person_id", "alike"))
    free = (naming != NONE) & as_bool(pc.is_null(seen["person_id"]))
    free &= as_bool(pc.is_null(seen["alike"])) | (alike == given)
    for face in np.flatnonzero(as_bool(isin(seen["face_id"], {face for face, _ in rejected}))):
        pair = (
            seen["face_id"][face].as_py(),
            take_or_null(people, given[face : face + 1])[0].as_py(),
        )
        free[face] &= pair not in rejected
    of_photo = factorize(seen["photo"])[0] * (len(people) + 1)
    free &= ~np.isin(of_photo + given, (of_photo + matched)[matched != NONE])
    rows = np.flatnonzero(free)
    best = seen.select(["quality", "face_id"]).take(pa.array(rows))
    order = [("quality", "descending"), ("face_id", "ascending")]
    rows = rows[pc.sort_indices(best, sort_keys=order).to_numpy()]
    rows = rows[first_of_each((of_photo + given)[rows])]
    lent = np.full(len(seen), NONE)
    lent[rows] = naming[rows]
    return lent
