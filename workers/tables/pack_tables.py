"""The tables that one pack fills in an archive, read by the rows of one collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from headcount.collections.photos import collection_id
from headcount.contract import reading
from headcount.contract.frames import Frame
from headcount.contract.layout import PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import READING, any_of, in_collection, parts
from headcount.tables.table import Table, tables_of


@dataclass(frozen=True, slots=True)
class PackTables:
    """Photos, faces and references of one pack; ``source`` is the collection's URI."""

    store: Store
    keys: PackKeys
    source: str
    s3: S3Settings

    @property
    def photos(self) -> Table:
        """The table of photos."""
        return Table(self.store.uri, self.keys.photos, self.s3)

    @property
    def faces(self) -> Table:
        """The table of faces."""
        return Table(self.store.uri, self.keys.faces, self.s3)

    @property
    def gallery(self) -> Table:
        """The table of references."""
        return Table(self.store.uri, self.keys.gallery, self.s3)

    @property
    def collection(self) -> str:
        """The collection's id in photos and faces."""
        return collection_id(self.source)

    @property
    def of_collection(self) -> str:
        """A filter of photos and faces: the row is of the collection."""
        return in_collection(self.collection)

    def count_older(self) -> int:
        """The number of the collection's photos of an older reading than this build's."""
        older = f"{READING} < {reading.READING}"
        return self.photos.count(f"{self.of_collection} AND {older}")

    def orientations(self, photos: Iterable[str]) -> dict[str, int]:
        """The turns that were applied to photos of the collection, as EXIF values; 0: not read."""
        return self._by_photo("orientation", photos)

    def frames(self, photos: Iterable[str]) -> dict[str, Frame]:
        """The frames of photos of the collection that are known, by key."""
        found: dict[str, Frame] = {}
        for part in parts(sorted(set(photos))):
            where = f"{self.of_collection} AND {any_of('photo', part)}"
            for row in self.photos.read(["photo", *Frame._fields], where=where).to_pylist():
                found[row["photo"]] = Frame.of(row)
        return found

    def taken(self, photos: Iterable[str]) -> dict[str, datetime]:
        """When photos of the collection were taken, of those that tell it."""
        return {photo: at for photo, at in self._by_photo("taken", photos).items() if at}

    def contents(self, photos: Iterable[str]) -> dict[str, str]:
        """The SHA-256 of photos of the collection, of those that could be fetched."""
        return {photo: sha for photo, sha in self._by_photo("content", photos).items() if sha}

    def notes(self, photos: Iterable[str]) -> dict[str, str]:
        """The reasons of photos of the collection that were read: what is not all there of them."""
        return {photo: note for photo, note in self._by_photo("reason", photos).items() if note}

    def _by_photo(self, column: str, photos: Iterable[str]) -> dict[str, Any]:
        """The values of a column of the photos' rows, by key."""
        found: dict[str, Any] = {}
        for part in parts(sorted(set(photos))):
            where = f"{self.of_collection} AND {any_of('photo', part)}"
            rows = self.photos.read(["photo", column], where=where)
            found.update(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
        return found

    def of_pack(self, keys: PackKeys) -> PackTables:
        """The same collection's tables of another pack."""
        return replace(self, keys=keys)

    def create(self, dimensions: int) -> None:
        """Create the tables that are not there, for embeddings of ``dimensions`` numbers."""
        for table, schema, later in self._schemas(dimensions):
            table.create(schema, later=later)

    def grow(self, dimensions: int) -> None:
        """Add the columns of this build to tables of an earlier one, before anything is embedded.

        Raises FatalError where they cannot.
        """
        for table, schema, later in self._schemas(dimensions):
            table.grow(schema, later=later)

    def _schemas(self, dimensions: int) -> Iterator[tuple[Table, pa.Schema, Collection[str]]]:
        return tables_of(self.store.uri, self.keys, dimensions, self.s3)
