"""The result of a run: its faces with their decisions, and who is in them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from workers.people.expected import Expectations
from workers.people.gallery import Gallery


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run: its faces with their decisions, sorted by photo, and who is in them.

    ``faces`` has the columns of the results contract and ``nearest``, the name of the nearest
    person even where nobody was matched. ``clusters`` are all, also those that have a name.
    ``failures`` has the photos that could not be processed: ``photo``, ``outcome``, ``reason``.
    """

    faces: pa.Table
    people: pa.Table
    clusters: pa.Table
    outcomes: dict[str, int]
    failures: pa.Table
    expectations: Expectations
    gallery: Gallery

    @property
    def photos(self) -> int:
        """Photos of the collection."""
        return sum(self.outcomes.values())

    @property
    def unnamed(self) -> pa.Table:
        """The clusters of people nobody has named."""
        return self.clusters.filter(pc.is_null(self.clusters["person_id"]))

    @property
    def decisions(self) -> dict[str, int]:
        """Faces by decision."""
        return counted(self.faces["decision"])

    @property
    def people_found(self) -> int:
        """People who are in a photo."""
        return sum(1 for faces in self.people["faces"].to_numpy() if faces)


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each text is there, in the order in which they come first."""
    pairs = column.value_counts()
    return dict(
        zip(pairs.field("values").to_pylist(), pairs.field("counts").to_pylist(), strict=True)
    )
