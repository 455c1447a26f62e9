"""Drawing: the names and absences of a job, each once, and some of them at random. Pure.

The digest of the seed and a unit's ids gives the order; the first of it are drawn. So anybody can
draw again from the seed, in any program, and a unit that is taken out changes no other's place.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.vocabulary import Decision
from headcount.rosters.statuses import MISSING

MATCHED, INFERRED, EXPECTED, BY_HAND = "matched", "inferred", "expected_here", "by_hand"
KINDS = (MATCHED, INFERRED, EXPECTED, BY_HAND)
"""Kinds of names: by the face itself, by its cluster, by a roster alone, by a person's answer."""

Row = dict[str, Any]


def names_of(
    assignments: pa.Table,
    *,
    by_hand: Collection[tuple[str, str]] = (),
    expected_here: Collection[str] = (),
) -> pa.Table:
    """The names of a job: `face_id`, `person_id`, `photo`, `person`, `how`, one row per name.

    A photo's copies have the same faces: these count once, in the first of the photos. ``by_hand``
    are pairs of a face and the person that somebody named it, ``expected_here`` the ids of faces
    that only a roster names.
    """
    named = assignments.filter(pc.is_valid(assignments["person_id"]))
    columns = [("photo", "min"), ("person", "min"), ("decision", "min")]
    once = named.group_by(["face_id", "person_id"]).aggregate(columns)
    matched = pc.equal(once["decision_min"], Decision.MATCHED.value)
    how = pc.if_else(matched, pa.scalar(MATCHED), pa.scalar(INFERRED))
    here = pc.is_in(once["face_id"], value_set=pa.array(sorted(expected_here), pa.string()))
    how = pc.if_else(pc.and_(here, pc.invert(matched)), pa.scalar(EXPECTED), how)
    keys = pc.binary_join_element_wise(once["face_id"], once["person_id"], "/")
    said = pa.array(sorted("/".join(pair) for pair in by_hand), pa.string())
    how = pc.if_else(pc.is_in(keys, value_set=said), pa.scalar(BY_HAND), how)
    return pa.table(
        {
            "face_id": once["face_id"],
            "person_id": once["person_id"],
            "photo": once["photo_min"],
            "person": once["person_min"],
            "how": how,
        }
    ).combine_chunks()


def absences_of(expected: pa.Table, contents: Mapping[str, str] | None = None) -> pa.Table:
    """The absences of a job: `scope`, `person_id`, `photo`, `person`, `how`, one row per absence.

    ``how`` is the status. ``contents`` tells the content of photos: of copies the first counts.
    """
    missing = pa.array([str(status) for status in MISSING], pa.string())
    rows = expected.filter(pc.is_in(expected["status"], value_set=missing))
    order = [("photo", "ascending"), ("scope", "ascending"), ("person_id", "ascending")]
    seen: set[tuple[str, ...]] = set()
    kept: list[Row] = []
    for row in rows.sort_by(order).to_pylist():
        photo, person = row["photo"], row["person_id"] or row["person"]
        place = (contents or {}).get(photo, photo) if photo else f"scope {row['scope']}"
        if (place, person) not in seen:
            seen.add((place, person))
            kept.append({name: row[name] for name in _ABSENCE.names[:4]} | {"how": row["status"]})
    return pa.Table.from_pylist(kept, _ABSENCE)


_ABSENCE = pa.schema(
    [(name, pa.string()) for name in ("scope", "person_id", "photo", "person", "how")]
)


def drawn(rows: pa.Table, ids: Sequence[str], count: int, seed: int) -> list[Row]:
    """``count`` rows, or all, in the order of their digests.

    The digest is the SHA-256 of the seed and the columns ``ids``, joined by slashes.
    """
    units = zip(*(rows[name].to_pylist() for name in ids), strict=True)
    digests = ((_digest(seed, unit), at) for at, unit in enumerate(units))
    first = [at for _, at in heapq.nsmallest(count, digests)]
    return list(rows.take(pa.array(first, pa.int64())).to_pylist())


def _digest(seed: int, unit: Iterable[str | None]) -> bytes:
    text = "/".join((str(seed), *(one or "" for one in unit)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def counts_of(rows: pa.Table) -> dict[str, int]:
    """The number of rows of each kind."""
    counts = pc.value_counts(rows["how"]).to_pylist()
    return {one["values"]: one["counts"] for one in sorted(counts, key=lambda one: one["values"])}
