"""The gallery: every enrolled reference of one model pack, ready to match against."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.tables import Table
from workers.rows import matrix


@dataclass(frozen=True, slots=True)
class Gallery:
    """P people with R references.

    ``descriptors`` is R x D, of unit length, the references of one person side by side;
    ``starts`` (P) is the first row of each person; ``sources``, ``photos`` and ``boxes`` tell
    where reference r was taken from.
    """

    person_ids: tuple[str, ...]
    names: tuple[str, ...]
    starts: NDArray[np.intp]
    descriptors: NDArray[np.float32]
    sources: tuple[str, ...]
    photos: tuple[str, ...]
    boxes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person_ids)

    def references(self, person: int) -> range:
        """The reference rows of a person."""
        end = self.starts[person + 1] if person + 1 < len(self.starts) else len(self.photos)
        return range(int(self.starts[person]), int(end))

    def without(self, person_ids: Collection[str]) -> Gallery:
        """The same gallery with none of these people."""
        kept = [
            row
            for number, person in enumerate(self.person_ids)
            if person not in person_ids
            for row in self.references(number)
        ]
        people = [n for n, person in enumerate(self.person_ids) if person not in person_ids]
        counts = [len(self.references(n)) for n in people]
        starts = np.cumsum([0, *counts[:-1]]) if counts else np.zeros(0)
        return Gallery(
            person_ids=tuple(self.person_ids[n] for n in people),
            names=tuple(self.names[n] for n in people),
            starts=starts.astype(np.intp),
            descriptors=self.descriptors[kept],
            sources=tuple(self.sources[row] for row in kept),
            photos=tuple(self.photos[row] for row in kept),
            boxes=self.boxes[kept],
        )


COLUMNS = ("person_id", "person", "source", "photo", "x", "y", "w", "h", "descriptor")


def load_gallery(table: Table) -> Gallery:
    """Read the gallery, sorted by person; a reference that was written twice counts once."""
    rows: pa.Table = table.read(COLUMNS)
    meta = rows.drop_columns(["descriptor"]).to_pylist()
    unique = {(m["person_id"], m["source"], m["photo"]): row for row, m in enumerate(meta)}
    order = [unique[key] for key in sorted(unique)]
    meta = [meta[row] for row in order]
    ids = [m["person_id"] for m in meta]
    starts = [row for row, pid in enumerate(ids) if row == 0 or ids[row - 1] != pid]
    descriptors = matrix(rows["descriptor"])[order] if order else np.zeros((0, 1), np.float32)
    return Gallery(
        person_ids=tuple(ids[row] for row in starts),
        names=tuple(meta[row]["person"] for row in starts),
        starts=np.array(starts, np.intp),
        descriptors=descriptors,
        sources=tuple(m["source"] for m in meta),
        photos=tuple(m["photo"] for m in meta),
        boxes=np.array([[m[c] for c in "xywh"] for m in meta], np.float32).reshape(-1, 4),
    )
