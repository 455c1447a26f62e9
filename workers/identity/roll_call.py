"""The roll call: a roster held against a run's photos and faces, as the table `expected`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from headcount.contract import results
from headcount.rosters.findings import find
from headcount.rosters.scopes import (
    Photos,
    Scopes,
    check_rows,
    each_resolved_once,
    expand,
    in_memory,
    resolve,
)
from headcount.rosters.statuses import statuses
from workers.identity.candidates import Search


@dataclass(frozen=True, slots=True)
class RollCall:
    """The lines of a roster (LINES), their scopes in a collection, and its photos' keys."""

    lines: pa.Table
    scopes: Scopes
    photos: Photos

    @classmethod
    def of(cls, lines: pa.Table, photos: pa.Table, source: str) -> RollCall:
        """The roll of a collection's ``photos``.

        Raises FatalError where the lines of ``source`` make too many expectations.
        """
        keys = in_memory(photos["photo"])
        scopes = resolve(lines, keys)
        lines = each_resolved_once(lines, scopes)
        check_rows(lines, scopes, source)
        return cls(lines, scopes, keys)

    def expectations(self) -> Iterator[pa.Table]:
        """The expectations, block by block."""
        return expand(self.lines, self.scopes, self.photos)

    def table(
        self, photos: pa.Table, faces: pa.Table, search: Search, enrolled: Mapping[str, str]
    ) -> pa.Table:
        """The table `expected`: what became of each expectation.

        ``photos`` have `photo`, `outcome`, `reason`; ``enrolled`` are the names by id.
        """
        if not self.lines.num_rows:
            return results.EXPECTED.empty_table()
        wide = search.in_scopes(self.lines, self.scopes)
        made = []
        for block in self.expectations():
            candidates = pa.concat_tables([wide, search.in_photos(block)])
            made.append(statuses(block, self.scopes, find(photos, faces, candidates, enrolled)))
        return pa.concat_tables(made)
