"""The gallery: every enrolled reference of one model pack, ready to match against."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.contract.columns import GALLERY
from headcount.tables.filters import any_of
from headcount.tables.table import Table
from workers.faces.evidence import PARTS, no_weaknesses
from workers.tables.columns import factorize, first_of_each, isin
from workers.tables.faces import weaknesses_of
from workers.tables.rows import matrix


@dataclass(frozen=True, slots=True)
class Gallery:
    """P people with R references, sorted by person.

    ``embeddings`` is R x D, of unit length, ``weaknesses`` R x K. ``starts`` (P) is the first row
    of each person. ``sources``, ``photos`` and ``boxes`` (R x 4) are the folder or collection, the
    photo and the box that each reference was taken from; ``orientations`` (R, or none) is the turn
    of the photo that the box is in, as an EXIF value, 0 for the file's own.
    """

    person_ids: tuple[str, ...]
    names: tuple[str, ...]
    starts: NDArray[np.intp]
    embeddings: NDArray[np.float32]
    weaknesses: NDArray[np.float32]
    sources: tuple[str, ...]
    photos: tuple[str, ...]
    boxes: NDArray[np.float32]
    orientations: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.person_ids)

    def orientation(self, row: int) -> int:
        """Turn of the photo that a reference's box is in, as an EXIF value; 0: the file's own."""
        return self.orientations[row] if self.orientations else 0

    def references(self, person: int) -> range:
        """Rows of a person's references."""
        end = self.starts[person + 1] if person + 1 < len(self.starts) else len(self.photos)
        return range(int(self.starts[person]), int(end))


def without_people(gallery: Gallery, people: Collection[str]) -> Gallery:
    """A gallery without some people; the same one where none of them is in it."""
    kept = [n for n, person in enumerate(gallery.person_ids) if person not in people]
    if len(kept) == len(gallery):
        return gallery
    if not kept:
        return NOBODY_ENROLLED
    each = [gallery.references(person) for person in kept]
    rows = [row for some in each for row in some]
    return Gallery(
        person_ids=tuple(gallery.person_ids[n] for n in kept),
        names=tuple(gallery.names[n] for n in kept),
        starts=np.cumsum([0, *map(len, each)])[:-1].astype(np.intp),
        embeddings=gallery.embeddings[rows],
        weaknesses=gallery.weaknesses[rows],
        sources=tuple(gallery.sources[row] for row in rows),
        photos=tuple(gallery.photos[row] for row in rows),
        boxes=gallery.boxes[rows],
        orientations=tuple(gallery.orientation(row) for row in rows),
    )


NOBODY_ENROLLED = Gallery(
    person_ids=(),
    names=(),
    starts=np.zeros(0, np.intp),
    embeddings=np.zeros((0, 1), np.float32),
    weaknesses=no_weaknesses(0),
    sources=(),
    photos=(),
    boxes=np.zeros((0, 4), np.float32),
)

COLUMNS = (
    "person_id",
    "person",
    "source",
    "photo",
    "x",
    "y",
    "w",
    "h",
    "orientation",
    "descriptor",
)


def load_gallery(
    table: Table,
    *,
    cosine_per_decade: float,
    forgotten: Collection[str] = (),
    renames: Renames | None = None,
) -> Gallery:
    """Read the gallery, sorted by person; a reference that was written twice counts once.

    References of ``forgotten`` people are left out, even if a late worker has written some.
    People have the names that ``renames`` give them: the table has those they were enrolled under.
    ``cosine_per_decade`` is the pack's, by which the weaknesses of references are scaled.
    """
    where = f"NOT ({any_of('person_id', sorted(forgotten))})" if forgotten else None
    read = read_references(table, (*COLUMNS, *PARTS), where)
    if renames is not None:
        read = with_present_names(read, renames)
        read = read.filter(pc.invert(isin(read["person_id"], forgotten)))
    if not read.num_rows:
        return NOBODY_ENROLLED
    keys = ["person_id", "source", "photo"]
    numbered = read.select(keys).append_column("row", pa.array(np.arange(read.num_rows)))
    once = numbered.group_by(keys).aggregate([("row", "max")])
    rows = read.take(once.sort_by([(key, "ascending") for key in keys])["row_max"])
    starts = first_of_each(factorize(rows["person_id"])[0])
    people = rows.select(["person_id", "person"]).take(pa.array(starts))
    return Gallery(
        person_ids=tuple(people["person_id"].to_pylist()),
        names=tuple(people["person"].to_pylist()),
        starts=starts.astype(np.intp),
        embeddings=matrix(rows["descriptor"]),
        weaknesses=weaknesses_of(rows, cosine_per_decade),
        sources=tuple(rows["source"].to_pylist()),
        photos=tuple(rows["photo"].to_pylist()),
        boxes=np.stack([rows[c].to_numpy() for c in "xywh"], axis=1).astype(np.float32),
        orientations=tuple(rows["orientation"].fill_null(0).to_pylist()),
    )


def read_references(table: Table, columns: Sequence[str], where: str | None) -> pa.Table:
    """Columns of references; parts of the quality that an earlier build did not store are null."""
    stored = GALLERY.stored()
    embedding = pa.field("descriptor", pa.list_(pa.float32()))
    wanted = [
        embedding if name == embedding.name else stored.field(name)
        for name in dict.fromkeys(columns)
    ]
    batches = list(table.scan(pa.schema(wanted), where=where))
    return pa.Table.from_batches(batches) if batches else pa.schema(wanted).empty_table()
