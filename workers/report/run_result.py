"""The result of a run, from which tables, report and summary are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.stored.jobs import TableFormat
from headcount.rosters.read import EVERY
from headcount.rosters.statuses import MISSING, count_statuses
from workers.people.gallery import Gallery


@dataclass(frozen=True, slots=True)
class RunResult:
    """Faces of a run with their decisions, sorted by photo, and the people and clusters in them.

    ``faces``, ``people``, ``clusters`` and ``expected`` have the columns of the results contract;
    ``clusters`` include those that have a name. ``failures`` has the photos that could not be
    processed: ``photo``, ``outcome``, ``reason``. ``expected_forgotten`` counts expectations that
    are in no row, since their people were forgotten.
    """

    faces: pa.Table
    people: pa.Table
    clusters: pa.Table
    outcomes: dict[str, int]
    failures: pa.Table
    gallery: Gallery
    expected: pa.Table
    expected_forgotten: int = 0
    absence_changes: dict[str, int] = field(default_factory=dict)
    """Numbers of `new_absences` and `ended_absences` since the run before, if it had a roster."""
    sample_of: int | None = None
    """Photos that those of a first look were drawn from; None of a run over all photos."""
    formats_removed: tuple[TableFormat, ...] = ()
    """Formats in which the run before wrote tables, and this one does not: they were removed."""
    older_reading: int = 0
    """Photos of the collection that were read by an older reading than this build's."""
    left_out: dict[str, Any] = field(default_factory=dict)
    """Numbers of objects that are no photos, and of those that are no references; see summary."""
    left: int = 0
    """Photos that the job leaves to the next one, since its budget was spent."""

    @property
    def photos(self) -> int:
        """Number of photos of the collection, or of a first look."""
        return sum(self.outcomes.values())

    @property
    def unnamed(self) -> pa.Table:
        """The clusters without a name, but for those that people want to be left alone."""
        nameless = pc.is_null(self.clusters["person_id"])
        return self.clusters.filter(pc.and_not(nameless, self._left_alone))

    @property
    def dismissed(self) -> int:
        """Number of clusters that people want to be left alone."""
        return int(pc.sum(self._left_alone).as_py() or 0)

    @property
    def dismissed_ids(self) -> list[str]:
        """Ids of the clusters that people want to be left alone."""
        ids: list[str] = self.clusters["cluster_id"].filter(self._left_alone).to_pylist()
        return ids

    @property
    def _left_alone(self) -> pa.ChunkedArray:
        return pc.fill_null(self.clusters["dismissed"], False)

    @property
    def decisions(self) -> dict[str, int]:
        """Number of faces by decision."""
        return counted(self.faces["decision"])

    @property
    def expected_statuses(self) -> dict[str, int]:
        """Number of expectations by status; empty where nobody was expected."""
        return count_statuses(self.expected) if self.expected.num_rows else {}

    @property
    def absences(self) -> pa.Table:
        """The expectations of people who were looked for and not found."""
        return self.expected.filter(pc.is_in(self.expected["status"], pa.array(MISSING)))

    @property
    def absent_by_photo(self) -> pa.Table:
        """The absences of people who were expected in one photo each: `photo`, `person`, `status`.

        Those of `some` photo of a scope are no absences from any of them.
        """
        absences = self.absences
        return absences.filter(pc.equal(absences["needed"], EVERY)).select(
            ["photo", "person", "status"]
        )

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
