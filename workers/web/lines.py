"""The lines that the page sends, with the clusters in them as the archive knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headcount.answers.lines import BETWEEN_SIDES, COLUMNS
from headcount.errors import FatalError
from workers.tables.columns import NONE, Numbers
from workers.web.describe import View

MAX_LINES = 1000
MAX_TEXT = 4 << 20
PARTED = 60
"""Faces of a cluster that are said to differ from those left out: its links tell of the others."""
_BY_FACE = frozenset(
    (
        "name",
        "confirm",
        "not",
        "same",
        "apart",
        "dismiss",
        "not_a_face",
        "reference",
        "no_reference",
    )
)


def checked_lines(given: Any) -> list[dict[str, str]]:
    """The lines of a request as texts by column. Raises FatalError where they are none."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_LINES:
        raise FatalError(f"lines: a list of 1 to {MAX_LINES:,} lines")
    return [_checked(line) for line in given]


def _checked(line: Any) -> dict[str, str]:
    if not isinstance(line, dict):
        raise FatalError("a line is an object with texts by column")
    for name, text in line.items():
        if name not in (*COLUMNS, "without"):
            raise FatalError("a line has a column that is not known")
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise FatalError(f"{name} is no text, or too long")
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise FatalError(f"{name} has a character that no text has")
    return dict(line)


def lines_for_archive(view: View, lines: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The lines with all that the archive knows in place of what only the page does.

    A cluster of which some faces were named, parted or dismissed since the results stands for its
    other faces: naming it must not name these. ``without`` are ids of faces that are left out of a
    cluster, and differ from the others from then on.
    """
    written: list[dict[str, str]] = []
    for given in lines:
        line = dict(given)
        without = line.pop("without", "").split()
        if line.get("what") in _BY_FACE and line.get("ids"):
            line["ids"], kept = _ids(view, line["ids"], without)
            if without and kept:
                sides = (*kept[:PARTED], BETWEEN_SIDES, *without)
                written.append({"what": "apart", "ids": " ".join(sides)})
        written.append(line)
    return written


def _ids(view: View, text: str, without: Sequence[str]) -> tuple[str, list[str]]:
    """The ids of a line, and the faces that are kept of clusters some of which are left out."""
    words = text.split()
    sides = BETWEEN_SIDES in words
    found: list[list[str]] = []
    kept: list[str] = []
    for word in words:
        code = NONE if word == BETWEEN_SIDES else view.shown.cluster_code(word)
        if code == NONE:
            found.append([word] if word not in without else [])
            continue
        faces = _faces(view, code, without)
        found.append([word] if faces is None else faces)
        kept += faces or []
    several = len(words) == 2 and not sides and any(len(some) > 1 for some in found)
    flat = f" {BETWEEN_SIDES} " if several else " "
    return flat.join(" ".join(some) for some in found if some), kept


def _faces(view: View, code: int, without: Sequence[str]) -> list[str] | None:
    """The ids of the unnamed faces of a cluster; None where these are all faces of its own."""
    rows = view.shown.unnamed_in(code)
    if not len(rows):
        rows = view.shown.rows_in(code)
    if not without and _is_whole(view, code, rows):
        return None
    ids = view.face_ids(view.best(rows, len(rows)))
    left = set(without)
    return list(dict.fromkeys(one for one in ids if one not in left))


def _is_whole(view: View, code: int, rows: Numbers) -> bool:
    said = view.shown.said
    if code >= len(said.clusters):
        return False
    order, starts = said.members
    own = order[starts[code] : starts[code + 1]]
    return len(own) == len(rows) and bool(np.array_equal(np.sort(own), np.sort(rows)))
