"""What differs between two rolls: new, gone and moved faces, names, merged and split clusters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

LISTED = 1000
"""Entries of each list, at most; the counts say how many there are."""

Row = dict[str, Any]


def diff_rolls(before: pa.Table, after: pa.Table) -> dict[str, Any]:
    """The differences of two rolls: counts of everything, and lists of at most LISTED entries.

    A face is known by photo and face id. Clusters are compared over the faces of both rolls.
    """
    old, new = _by_face(before), _by_face(after)
    both = sorted(old.keys() & new.keys())
    moved = [
        {**_face(key), "before": old[key]["cluster_id"], "after": new[key]["cluster_id"]}
        for key in both
        if old[key]["cluster_id"] != new[key]["cluster_id"]
    ]
    renamed = [
        {**_face(key), "before": _named(old[key]), "after": _named(new[key])}
        for key in both
        if old[key]["person_id"] != new[key]["person_id"]
    ]
    pairs = {(old[key]["cluster_id"], new[key]["cluster_id"]) for key in both}
    lists = {
        "new_faces": [_face(key) for key in sorted(new.keys() - old.keys())],
        "gone_faces": [_face(key) for key in sorted(old.keys() - new.keys())],
        "moved_faces": moved,
        "renamed_faces": renamed,
        "merged_clusters": [
            {"into": one, "from": others} for one, others in _several((b, a) for a, b in pairs)
        ],
        "split_clusters": [{"from": one, "into": others} for one, others in _several(pairs)],
    }
    return {
        "counts": {name: len(entries) for name, entries in lists.items()},
        **{name: entries[:LISTED] for name, entries in lists.items()},
    }


def _by_face(roll: pa.Table) -> dict[tuple[str, str], Row]:
    return {(row["photo"], row["face_id"]): row for row in roll.to_pylist()}


def _face(key: tuple[str, str]) -> dict[str, str]:
    return {"photo": key[0], "face_id": key[1]}


def _named(row: Row) -> dict[str, str] | None:
    if row["person_id"] is None:
        return None
    return {"person_id": row["person_id"], "person": row["person"], "decision": row["decision"]}


def _several(pairs: Iterable[tuple[str | None, str | None]]) -> list[tuple[str, list[str]]]:
    """What each first is paired with, where that is more than one; None is no cluster."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        if one is not None and other is not None:
            groups[one].append(other)
    return [(one, sorted(others)) for one, others in sorted(groups.items()) if len(others) > 1]
