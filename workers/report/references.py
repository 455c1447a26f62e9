"""The references of people as a report shows them, each opened once and several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from headcount.contract.stored.references import ReferenceReport
from workers.people.gallery import Gallery
from workers.report.choose import REFERENCES_SHOWN
from workers.report.pictures import PictureSources, picture_reference
from workers.report.view import ShownReference
from workers.runtime.threads import ordered_map


@dataclass(frozen=True)
class References:
    """The references of a gallery with pictures, by their rows; those ``made`` already are kept.

    References of the job's people folder have what is ``noted`` of them, by person and photo.
    """

    sources: PictureSources
    gallery: Gallery
    noted: Mapping[tuple[str, str], str] = field(default_factory=dict)
    made: dict[int, ShownReference] = field(default_factory=dict)

    def pictures(self, rows: Iterable[int]) -> dict[int, ShownReference]:
        """The references in these rows, with pictures."""
        rows = list(rows)
        new = [row for row in dict.fromkeys(rows) if row not in self.made]
        with ThreadPoolExecutor(self.sources.threads, "references") as pool:
            made = ordered_map(pool, self._picture, new, ahead=2 * self.sources.threads)
            self.made.update(zip(new, made, strict=True))
        return {row: self.made[row] for row in rows}

    def rows_of(self, person: int, limit: int = REFERENCES_SHOWN) -> range:
        """The rows of a person's first references."""
        return self.gallery.references(person)[:limit]

    def row_of(self, person_id: str, reference: str | None) -> int | None:
        """The row of a person's ``reference``, else that of the first one; None of nobody.

        A reference is named by its folder or collection and its photo in one text.
        """
        person = self._numbers.get(person_id)
        if person is None:
            return None
        rows = self.gallery.references(person)
        wanted = (row for row in rows if self._name(row) == reference)
        return next(wanted, next(iter(rows), None))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {person: number for number, person in enumerate(self.gallery.person_ids)}

    def _name(self, row: int) -> str:
        return self.gallery.sources[row] + self.gallery.photos[row]

    def _picture(self, row: int) -> ShownReference:
        gallery = self.gallery
        x, y, w, h = (float(value) for value in gallery.boxes[row])
        person = int(gallery.starts.searchsorted(row, side="right")) - 1
        whose, photo = gallery.names[person], gallery.photos[row]
        own = gallery.sources[row] == self.sources.spec.people
        report = ReferenceReport(
            person=whose,
            photo=photo,
            state="enrolled",
            reason=self.noted.get((whose, photo)) if own else None,
            box=(x, y, w, h),
            orientation=gallery.orientation(row),
        )
        return picture_reference(self.sources, gallery.sources[row], report)
