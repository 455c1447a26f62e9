"""Differences of two jobs' assignments: faces, moved photos, names, merged and split clusters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments.history import face_keys
from headcount.assignments.order import first_rows

LISTED = 1000
"""Entries of each list, at most; the counts say how many there are."""

Row = dict[str, Any]
Listed = tuple[int, list[Row]]
"""The number of entries, and the first LISTED of them."""

SAID = ("cluster_id", "person_id", "person", "decision")


def diff_assignments(before: pa.Table, after: pa.Table) -> dict[str, Any]:
    """The differences of two jobs: counts of everything, and lists of at most LISTED entries.

    A face is known by photo and face id, and a row is a face: those of copies count each. The
    faces of a photo that was moved are where it is now. Clusters are compared over the faces of
    both jobs. Only listed entries become Python objects: a job may have millions of faces.
    """
    moved = moved_photos(before, after)
    before = _where_they_are(before, moved)
    old, new = face_keys(before), face_keys(after)
    was = pc.index_in(new, value_set=old)
    there = pc.is_valid(was)
    both = _side_by_side(before.take(was.drop_null()), after.filter(there))
    pairs = both.group_by(["cluster_id", "new_cluster_id"]).aggregate([]).drop_null()
    lists = {
        "new_faces": _faces(after.filter(pc.invert(there))),
        "gone_faces": _faces(before.filter(pc.invert(pc.is_in(old, value_set=new)))),
        "moved_photos": (len(moved), moved[:LISTED].to_pylist()),
        "moved_faces": _changed(both, "cluster_id", _cluster),
        "renamed_faces": _changed(both, "person_id", _named),
        "merged_clusters": _several(pairs, "new_cluster_id", "cluster_id", ("into", "from")),
        "split_clusters": _several(pairs, "cluster_id", "new_cluster_id", ("from", "into")),
    }
    return {
        "counts": {name: count for name, (count, _) in lists.items()},
        **{name: entries for name, (_, entries) in lists.items()},
    }


def diff_reread(before: pa.Table, after: pa.Table, photos: pa.Table) -> dict[str, Any]:
    """The changes in the faces of photos that a job read anew: counts, and lists.

    ``before`` has the ids of ``after`` for faces that are the same, as in diff_assignments;
    ``photos`` has ``photo``, ``earlier_reading`` and ``reading`` of each. ``found`` faces are at no
    old face's place, no new face follows the ``lost`` ones; ``named`` and ``unnamed`` are followed.
    """
    before, after = (
        faces.filter(pc.is_in(faces["photo"], value_set=photos["photo"].combine_chunks()))
        for faces in (before, after)
    )
    old, new = face_keys(before), face_keys(after)
    was = pc.index_in(new, value_set=old)
    both = _side_by_side(before.take(was.drop_null()), after.filter(pc.is_valid(was)))
    nameless, unnamed = (pc.is_null(both[name]) for name in ("person_id", "new_person_id"))
    lost = before.filter(pc.invert(pc.is_in(old, value_set=new)))
    lists = {
        "photos": (len(photos), photos.sort_by("photo")[:LISTED].to_pylist()),
        "found": _told(after.filter(pc.is_null(was)), "after"),
        "lost": _told(lost, "before"),
        "named": _changed(both.filter(pc.and_(nameless, pc.invert(unnamed))), "person_id", _named),
        "unnamed": _changed(
            both.filter(pc.and_(pc.invert(nameless), unnamed)), "person_id", _named
        ),
    }
    return {
        "counts": {name: count for name, (count, _) in lists.items()},
        **{name: entries for name, (_, entries) in lists.items()},
    }


def _told(faces: pa.Table, side: str) -> Listed:
    """Faces with who they are, or were."""
    return len(faces), [
        {"photo": row["photo"], "face_id": row["face_id"], side: _named(row, "")}
        for row in _first(faces)
    ]


def moved_photos(before: pa.Table, after: pa.Table) -> pa.Table:
    """The photos that are gone from one place and new in another: ``before``, ``after``, ``faces``.

    Face ids are made of a photo's bytes: equal ones mean equal photos. Photos without a face are
    in no table of assignments.
    """
    one = _contents(before.filter(pc.invert(pc.is_in(before["photo"], after["photo"]))))
    other = _contents(after.filter(pc.invert(pc.is_in(after["photo"], before["photo"]))))
    at = pc.index_in(one["content"], value_set=other["content"].combine_chunks())
    found = one.filter(pc.is_valid(at))
    columns = [found["photo"], other["photo"].take(at.drop_null()), found["faces"]]
    return pa.table(columns, names=["before", "after", "faces"]).sort_by("before")


def _contents(faces: pa.Table) -> pa.Table:
    """Each ``photo``, its ``faces``, and its ``content``: its least face id, of copies numbered."""
    photos = faces.group_by("photo").aggregate([("face_id", "min"), ("face_id", "count")])
    photos = photos.sort_by("photo")
    least = photos["face_id_min"]
    number = pc.subtract(pc.rank(least, tiebreaker="first"), pc.rank(least, tiebreaker="min"))
    content = pc.binary_join_element_wise(least, number.cast(pa.string()), "\0")
    columns = [photos["photo"], photos["face_id_count"], content]
    return pa.table(columns, names=["photo", "faces", "content"])


def _where_they_are(faces: pa.Table, moved: pa.Table) -> pa.Table:
    """Faces with the present keys of their photos."""
    at = pc.index_in(faces["photo"], value_set=moved["before"].combine_chunks())
    photo = pc.coalesce(moved["after"].take(at), faces["photo"])
    return faces.set_column(faces.schema.get_field_index("photo"), "photo", photo)


def _side_by_side(before: pa.Table, after: pa.Table) -> pa.Table:
    """Columns of both jobs for the same faces, row by row; the later job's begin with ``new_``."""
    for name in SAID:
        before = before.append_column(f"new_{name}", after[name])
    return before


def _first(faces: pa.Table) -> list[Row]:
    """The first LISTED faces by photo and face id."""
    order = [("photo", "ascending"), ("face_id", "ascending")]
    rows: list[Row] = first_rows(faces, LISTED, order).to_pylist()
    return rows


def _faces(faces: pa.Table) -> Listed:
    return len(faces), _first(faces.select(["photo", "face_id"]))


def _changed(both: pa.Table, name: str, said: Callable[[Row, str], Any]) -> Listed:
    """The faces whose column ``name`` changed, with its values before and after."""
    one, other = (pc.fill_null(both[column], "") for column in (name, f"new_{name}"))
    found = both.filter(pc.not_equal(one, other))
    return len(found), [
        {
            "photo": row["photo"],
            "face_id": row["face_id"],
            "before": said(row, ""),
            "after": said(row, "new_"),
        }
        for row in _first(found)
    ]


def _cluster(row: Row, side: str) -> str | None:
    cluster: str | None = row[f"{side}cluster_id"]
    return cluster


def _named(row: Row, side: str) -> dict[str, str] | None:
    if row[f"{side}person_id"] is None:
        return None
    return {name: row[f"{side}{name}"] for name in ("person_id", "person", "decision")}


def _several(pairs: pa.Table, one: str, other: str, words: tuple[str, str]) -> Listed:
    """The clusters of one side that are paired with more than one of the other side."""
    counts = pairs.group_by(one).aggregate([(other, "count")])
    found = counts.filter(pc.greater(counts[f"{other}_count"], 1)).sort_by(one)
    listed = found[one][:LISTED]
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row in pairs.filter(pc.is_in(pairs[one], value_set=listed)).to_pylist():
        groups[row[one]].append(row[other])
    return len(found), [
        {words[0]: name, words[1]: sorted(groups[name])} for name in listed.to_pylist()
    ]
