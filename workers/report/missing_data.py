"""The rows of the section "Missing" as data of the page, in columns, for its script to draw.

A row is its place in every column; texts stand once each in a list and are named by their place
in it, NONE where there is none. So 100,000 rows are about 3 MB.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from unicodedata import combining, normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.rosters.read import SOME
from headcount.rosters.statuses import MISSING, Status
from headcount.text import script_json
from workers.report import phrases
from workers.report.view import UNTOLD, ShownMissing
from workers.tables.columns import (
    NONE,
    Numbers,
    as_bool,
    factorize,
    factorize_sorted,
    index_of,
)

PLAIN_ROWS = 2000
"""Rows of the list for browsers without script: more would double a large page for them alone."""


_ORDER = (*MISSING, *UNTOLD)


@dataclass(frozen=True, slots=True)
class PlainRow:
    """A row in words: where the person was expected, the status and its reason."""

    before: str
    place: str
    status: str
    reason: str


def embedded_rows(
    missing: ShownMissing, cards: Mapping[str, str], portraits: Mapping[str, int]
) -> str:
    """JSON of all rows, which may stand in a script element.

    ``cards`` are links to the photos that the report shows, by key; ``portraits`` are the numbers
    of the CSS classes with a reference, by name.
    """
    rows = _by_person(missing.rows)
    person, people = _names(rows["person"])
    photo, photos = factorize_sorted(rows["photo"])
    scope, scopes = _scopes(rows)
    reason, reasons = factorize(rows["reason"])
    crop, crops = _crops(rows, missing.crops)
    data = {
        "people": people,
        "portraits": [portraits.get(name, 0) for name in people],
        "photos": photos.to_pylist(),
        "cards": [cards.get(key, "") for key in photos.to_pylist()],
        "scopes": scopes,
        "statuses": [[status, phrases.STATUSES[status]] for status in _ORDER],
        "absences": len(MISSING),
        "reasons": reasons.to_pylist(),
        "crops": crops,
        "rows": {
            "person": person.tolist(),
            "photo": photo.tolist(),
            "scope": scope.tolist(),
            "status": _statuses(rows).tolist(),
            "reason": reason.tolist(),
            "crop": crop,
        },
    }
    return script_json(data)


def plain_rows(missing: ShownMissing) -> list[tuple[str, list[PlainRow]]]:
    """The rows of each person; none where they are more than PLAIN_ROWS in all."""
    if missing.rows.num_rows > PLAIN_ROWS:
        return []
    words = phrases.STATUSES
    rows = groupby(_by_person(missing.rows).to_pylist(), lambda row: row["person"])
    return [
        (person, [PlainRow(*_place(r), words[Status(r["status"])], r["reason"]) for r in theirs])
        for person, theirs in rows
    ]


def _by_person(rows: pa.Table) -> pa.Table:
    """The rows by name, each person's in the order of statuses, the most similar first."""
    keyed = rows.append_column("who", pa.array(_names(rows["person"])[0]))
    keyed = keyed.append_column("rank", pa.array(_statuses(rows)))
    by = [("who", "ascending"), ("rank", "ascending"), ("similarity", "descending")]
    order = [*by, ("photo", "ascending"), ("scope", "ascending")]
    return keyed.sort_by(order).select(rows.column_names)


def _names(column: pa.ChunkedArray) -> tuple[Numbers, list[str]]:
    """The number of each name, and the distinct names as people sort them."""
    number, distinct = factorize(column)
    names: list[str] = distinct.to_pylist()
    order = sorted(range(len(names)), key=lambda n: (_folded(names[n]), names[n]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[number], [names[n] for n in order]


def _folded(name: str) -> str:
    """The name without case and accents."""
    return "".join(c for c in normalize("NFKD", name) if not combining(c)).casefold()


def _statuses(rows: pa.Table) -> Numbers:
    return index_of(rows["status"], pa.array(map(str, _ORDER)))


def _scopes(rows: pa.Table) -> tuple[Numbers, list[tuple[str, str]]]:
    """The number of each row's scope, NONE where its photo says it all, and the scopes' words."""
    wide = pc.or_(pc.equal(rows["needed"], SOME), rows["photo"].is_null())
    places = [_place(row) for row in rows.filter(wide).to_pylist()]
    scopes = sorted(set(places))
    at = {place: number for number, place in enumerate(scopes)}
    numbers = np.full(rows.num_rows, NONE, np.int64)
    numbers[as_bool(wide)] = [at[place] for place in places]
    return numbers, scopes


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    """The words before a place where somebody was expected, and the place: a photo or a scope."""
    if row["needed"] == SOME:
        return phrases.IN_SOME, row["scope"]
    return "", row["photo"] or row["scope"]


def _crops(rows: pa.Table, crops: Mapping[tuple[str, str], bytes]) -> tuple[list[int], list[str]]:
    """The number of each row's crop, NONE where it has none, and the crops in base64."""
    keys = [key for key, crop in crops.items() if crop]
    at = {key: number for number, key in enumerate(keys)}
    faces = zip(rows["photo"].to_pylist(), rows["face_id"].to_pylist(), strict=True)
    return [at.get(key, NONE) for key in faces], [
        base64.b64encode(crops[key]).decode("ascii") for key in keys
    ]
