"""The result of a run, from which tables, report and summary are written."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from headcount.rosters.statuses import EXPECTED
from workers.people.expected import Expectations
from workers.people.gallery import Gallery


@dataclass(frozen=True, slots=True)
class RunResult:
    """Faces of a run with their decisions, sorted by photo, and the people and clusters in them.

    ``faces`` has the columns of the results contract and ``nearest``, the name of the nearest
    person, also for faces without a match. ``clusters`` include those that have a name.
    ``failures`` has the photos that could not be processed: ``photo``, ``outcome``, ``reason``.
    ``expected`` has one row of EXPECTED per expectation, and none without a roster.
    """

    faces: pa.Table
    people: pa.Table
    clusters: pa.Table
    outcomes: dict[str, int]
    failures: pa.Table
    expectations: Expectations
    gallery: Gallery
    expected: pa.Table = field(default_factory=EXPECTED.empty_table)

    @property
    def photos(self) -> int:
        """Number of photos of the collection."""
        return sum(self.outcomes.values())

    @property
    def unnamed(self) -> pa.Table:
        """The clusters without a name."""
        return self.clusters.filter(pc.is_null(self.clusters["person_id"]))

    @property
    def decisions(self) -> dict[str, int]:
        """Number of faces by decision."""
        return counted(self.faces["decision"])

    @property
    def people_found(self) -> int:
        """Number of enrolled people who were found."""
        return sum(1 for faces in self.people["faces"].to_numpy() if faces)


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """Count of each text, in the order of first occurrence."""
    pairs = column.value_counts()
    return dict(
        zip(pairs.field("values").to_pylist(), pairs.field("counts").to_pylist(), strict=True)
    )
