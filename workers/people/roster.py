"""The roster of a job, without the people who were forgotten."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow.compute as pc

from headcount.rosters.read import LINES, Roster
from headcount.rosters.source import fetch_roster
from headcount.storage.base import Reader
from workers.tables.columns import isin

NOBODY_EXPECTED = Roster(LINES.empty_table())


def read_expected(uri: str | None, open_store: Callable[[str], Reader]) -> Roster:
    """Read a job's roster; an empty one where it has none. Raises FatalError."""
    return NOBODY_EXPECTED if uri is None else fetch_roster(uri, open_store)


def without_forgotten(roster: Roster, forgotten: Collection[str]) -> tuple[Roster, int]:
    """The roster without the lines about people who were forgotten, and the number of these."""
    left = roster.lines.filter(pc.invert(isin(roster.lines["person_id"], forgotten)))
    passed_over = roster.lines.num_rows - left.num_rows
    return Roster(left, roster.nobody, roster.nowhere), passed_over
