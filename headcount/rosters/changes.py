"""Absences of two jobs compared: which are new, and which have ended. Pure, and in columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.vocabulary import person_id
from headcount.rosters.read import EVERY
from headcount.rosters.statuses import MISSING, SETTLED

EXPECTATIONS = pa.schema(
    [(name, pa.string()) for name in ("scope", "needed", "photo", "person_id", "person", "status")]
)
"""What is kept of a job's expectations, to be compared with the next job's."""
LISTED = 1000
"""Entries of each list, at most; the counts say how many there are."""


def kept_expectations(expected: pa.Table) -> pa.Table:
    """EXPECTATIONS of a table `expected`; people who are not enrolled have their ids too.

    Where some photo is enough there is none: it changes with the nearest face.
    """
    encoded = expected["person"].combine_chunks().dictionary_encode()
    ids = pa.array([person_id(name) for name in encoded.dictionary.to_pylist()], pa.string())
    at = expected.schema.get_field_index("person_id")
    known = pc.coalesce(expected["person_id"], ids.take(encoded.indices))
    kept = expected.set_column(at, "person_id", known).select(EXPECTATIONS.names)
    photo = pc.if_else(pc.equal(kept["needed"], EVERY), kept["photo"], None)
    at = kept.schema.get_field_index("photo")
    return kept.set_column(at, "photo", photo).cast(EXPECTATIONS)


def diff_absences(before: pa.Table, after: pa.Table) -> dict[str, Any]:
    """The absences that are new and those that ended: ``counts``, and lists of at most LISTED.

    Both tables are EXPECTATIONS. An absence is known by its person and its photo, or its scope
    where some photo is enough. It is new where it was none before, and has ended where the person
    was found or the absence was accepted: not where a photo cannot be read any more, or nobody is
    expected there now.
    """
    was, now, settled = _of(before, MISSING), _of(after, MISSING), _of(after, SETTLED)
    lists = {
        "new_absences": now.filter(pc.invert(pc.is_in(now["key"], _keys(was)))),
        "ended_absences": was.filter(pc.is_in(was["key"], _keys(settled))),
    }
    return {
        "counts": {name: found.num_rows for name, found in lists.items()},
        **{name: _listed(found) for name, found in lists.items()},
    }


def _of(expectations: pa.Table, statuses: tuple[str, ...]) -> pa.Table:
    """The expectations with one of the statuses, each ``key`` once."""
    some = expectations.filter(pc.is_in(expectations["status"], pa.array(statuses)))
    where = pc.if_else(pc.equal(some["needed"], EVERY), some["photo"], some["scope"])
    key = pc.binary_join_element_wise(some["needed"], where, some["person_id"], "\0")
    rows = some.append_column("key", key).append_column("row", pa.arange(0, len(some)))
    first = rows.group_by("key").aggregate([("row", "min")])["row_min"]
    return rows.take(first.combine_chunks().sort())


def _keys(expectations: pa.Table) -> pa.Array:
    return expectations["key"].combine_chunks()


def _listed(expectations: pa.Table) -> list[dict[str, Any]]:
    rows = expectations.select(["scope", "photo", "person_id", "person", "status"])
    entries: list[dict[str, Any]] = rows.slice(0, LISTED).to_pylist()
    return entries
