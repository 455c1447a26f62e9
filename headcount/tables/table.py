"""Table: one table of an archive, read, staged, committed, grown and searched."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import copy
from datetime import timedelta
from typing import Any

import lance
import pyarrow as pa
from lance.fragment import FragmentMetadata, write_fragments

from headcount.contract import columns
from headcount.contract.layout import PackKeys
from headcount.errors import FatalError, TransientError
from headcount.s3_settings import S3Settings
from headcount.storage.uris import ALLOWED, is_within, local_path
from headcount.tables import staging
from headcount.tables.faults import translate, translated
from headcount.tables.options import storage_options

INDEX_PROBES, INDEX_REFINE = 32, 10
"""A search by index: cells to look into, and candidates to rank for each row wanted."""
SMALL_FRAGMENTS = 64
"""Fragments of a table before a commit compacts it: readers open each of them."""
GROWTH_TRIES = 20
"""Looks at a table that others change: of those that grow it at once, one succeeds each time."""

_GREW_MEANWHILE = ("commit conflict", "already exists")


def _filled(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """The batch with null in the columns that it lacks."""
    columns = [
        batch.column(field.name)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in wanted
    ]
    return pa.RecordBatch.from_arrays(columns, names=wanted.names)


class Table:
    """One table of an archive. Safe to make anew in every process; holds no connection."""

    def __init__(self, archive: str, key: str, settings: S3Settings) -> None:
        if archive.startswith("s3://"):
            self.uri = archive + key
            self._options: dict[str, str] | None = storage_options(self.uri, settings)
        else:
            self.uri = str(local_path(archive) / key)
            if not is_within(self.uri, settings.allowed_uris):
                raise FatalError(f"{self.uri} is outside {ALLOWED}: a link leads out of them")
            self._options = None
        self._fixed: int | None = None

    def at(self, version: int) -> Table:
        """The table as it was in one version: to be read only."""
        fixed = copy(self)
        fixed._fixed = version
        return fixed

    def _foreign(self) -> AbstractContextManager[None]:
        return translated(self.uri)

    def opened(self) -> lance.LanceDataset:
        """The Lance dataset, for this room alone."""
        return lance.dataset(self.uri, version=self._fixed, storage_options=self._options)

    def exists(self) -> bool:
        """Whether the table was ever created."""
        try:
            self.opened()
        except ValueError as error:  # Lance's "Dataset at path ... was not found"
            if "not found" in str(error).lower():
                return False
            raise translate(error, self.uri) from error
        except OSError as error:
            raise translate(error, self.uri) from error
        return True

    def create(self, schema: pa.Schema, *, later: Collection[str] = ()) -> None:
        """Create the table, empty; one that is there grows. Any number of processes may try."""
        if not self.exists():
            try:
                lance.write_dataset(
                    schema.empty_table(), self.uri, mode="create", storage_options=self._options
                )
            except (OSError, ValueError, RuntimeError) as error:
                if not self.exists():
                    raise translate(error, self.uri) from error
        self.grow(schema, later=later)

    def grow(self, schema: pa.Schema, *, later: Collection[str] = ()) -> None:
        """Add those of the ``later`` columns that the table lacks; its rows are null there.

        Raises FatalError where the table differs from the schema otherwise.
        """
        for _ in range(GROWTH_TRIES):
            with self._foreign():
                dataset = self.opened()
            missing = staging.lacking(dataset.schema, schema, later=later, table=self.uri)
            if not missing:
                return
            try:
                dataset.add_columns(pa.schema(missing))
            except OSError as error:
                if not any(sign in str(error).lower() for sign in _GREW_MEANWHILE):
                    raise translate(error, self.uri) from error
        raise TransientError(f"table {self.uri} is changed by others all the time")

    def stage(self, rows: pa.Table) -> tuple[str, ...]:
        """Write rows as fragments that no reader sees until they are committed."""
        if rows.num_rows == 0:
            return ()
        with self._foreign():
            dataset = self.opened()
            fragments = write_fragments(rows, dataset, storage_options=self._options)
            held = dict(staging.numbered(dataset.lance_schema.fields()))
            version = int(dataset.version)
        labelled = [staging.labelled(f.to_json(), version=version, columns=held) for f in fragments]
        return tuple(json.dumps(fragment) for fragment in labelled)

    def commit(self, fragments: Iterable[str]) -> None:
        """Make staged fragments visible, all at once, as one new version.

        Raises FatalError where they were staged for other columns, or before a rollback.
        """
        staged = [json.loads(fragment) for fragment in fragments]
        if not staged:
            return
        with self._foreign():
            dataset = self.opened()
        if changed := self._changed_columns(dataset, staged):
            raise FatalError(
                f"rows were staged for columns that table {self.uri} does not have any more: "
                f"{', '.join(changed)}"
            )
        with self._foreign():
            lance.LanceDataset.commit(
                self.uri,
                lance.LanceOperation.Append(
                    [FragmentMetadata.from_json(json.dumps(f)) for f in staged]
                ),
                read_version=staging.staged_for(staged) or dataset.version,
                storage_options=self._options,
            )

    def misfits(self, shards: Iterable[Sequence[str]]) -> list[int]:
        """The shards, by place, whose staged fragments are for columns or a version now gone."""
        with self._foreign():
            dataset = self.opened()
        there = {int(dataset.version): True}
        bad = []
        for place, fragments in enumerate(shards):
            staged = [json.loads(fragment) for fragment in fragments]
            version = staging.staged_for(staged)
            if version is not None and version not in there:
                there[version] = self.has(version)
            if not there.get(version or 0, True) or self._changed_columns(dataset, staged):
                bad.append(place)
        return bad

    def has(self, version: int) -> bool:
        """Whether a version is still there, without a look at all the others."""
        try:
            lance.dataset(self.uri, version=version, storage_options=self._options)
        except ValueError as error:
            if "not found" in str(error).lower():
                return False
            raise translate(error, self.uri) from error
        except OSError as error:
            raise translate(error, self.uri) from error
        return True

    @staticmethod
    def _changed_columns(
        dataset: lance.LanceDataset, staged: Iterable[staging.Fragment]
    ) -> list[str]:
        now = dict(staging.numbered(dataset.lance_schema.fields()))
        return sorted({text for f in staged for text in staging.changed_columns(f, now)})

    def append(self, rows: pa.Table) -> None:
        """Stage and commit in one step, for small tables."""
        self.commit(self.stage(rows))

    @property
    def columns(self) -> list[str]:
        """The names of the table's columns."""
        with self._foreign():
            return list(self.opened().schema.names)

    @property
    def version(self) -> int:
        """The number of the table's latest version."""
        with self._foreign():
            return int(self.opened().version)

    def restore(self, version: int) -> None:
        """Make an earlier version the latest again, as a version of its own."""
        with self._foreign():
            dataset = self.opened()
            if dataset.version != version:
                dataset.checkout_version(version).restore()

    def update(self, columns: dict[str, str], where: str) -> None:
        """Set columns of the rows that match a filter to SQL expressions."""
        with self._foreign():
            self.opened().update(columns, where=where)

    def replace(self, rows: pa.Table, on: Sequence[str]) -> None:
        """Put whole rows in the place of those with the same ``on``, as one new version.

        ``rows`` have the table's columns. Rows that have no counterpart are left out.
        """
        with self._foreign():
            self.opened().merge_insert(list(on)).when_matched_update_all().execute(rows)

    def purge(self) -> None:
        """Rewrite the table without what was deleted, and remove all else: every earlier version.

        Rows that were staged and not committed go too: no job may be at work.
        """
        with self._foreign():
            dataset = self.opened()
            for index in dataset.describe_indices():
                dataset.drop_index(index.name)  # it holds codes of the rows
            self.opened().optimize.compact_files(
                materialize_deletions=True, materialize_deletions_threshold=0.0
            )
            self.opened().restore()  # the latest version may quote the filter of a deletion
            self.opened().cleanup_old_versions(timedelta(0), delete_unverified=True)

    def delete(self, where: str) -> None:
        """Remove the rows that match a filter."""
        with self._foreign():
            self.opened().delete(where)

    def is_cut_up(self) -> bool:
        """Whether there are so many fragments that they are to be merged."""
        with self._foreign():
            return len(self.opened().get_fragments()) > SMALL_FRAGMENTS

    def compact(self) -> None:
        """Merge small fragments where there are many of them; the rows stay the same."""
        if self.is_cut_up():
            with self._foreign():
                self.opened().optimize.compact_files()

    def count(self, where: str | None = None) -> int:
        """The number of rows that match a filter."""
        with self._foreign():
            return int(self.opened().count_rows(where))

    def fragments(self) -> dict[int, int]:
        """The rows of each fragment, by its number; deleted rows are not counted."""
        with self._foreign():
            return {f.fragment_id: int(f.count_rows()) for f in self.opened().get_fragments()}

    def scan(
        self,
        columns: Sequence[str] | pa.Schema,
        *,
        where: str | None = None,
        order_by: Sequence[str] = (),
        batch_rows: int = 8192,
        fragments: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows that match a filter, batch by batch; of some ``fragments``, in that order.

        Columns of a schema that the table does not have yet are null.
        """
        wanted = columns if isinstance(columns, pa.Schema) else None
        with self._foreign():
            dataset = self.opened()
            names = list(columns if wanted is None else wanted.names)
            there = [n for n in names if wanted is None or n in dataset.schema.names]
            chosen = None if fragments is None else [dataset.get_fragment(n) for n in fragments]
            scanner = dataset.scanner(
                columns=there,
                filter=where,
                order_by=list(order_by) or None,
                batch_size=batch_rows,
                fragments=chosen,
            )
            for batch in scanner.to_batches():
                yield batch if wanted is None or there == names else _filled(batch, wanted)

    def nearest(
        self,
        column: str,
        query: Any,  # an array; numpy stays out of this module
        columns: Sequence[str],
        *,
        count: int,
        where: str | None = None,
    ) -> pa.Table:
        """The rows whose vectors are nearest by cosine, and ``_distance``: 1 less the cosine.

        Exact, unless the table has an index of that column; candidates of an index are ranked
        by their own vectors.
        """
        nearest = {
            "column": column,
            "q": query,
            "k": count,
            "metric": "cosine",
            "nprobes": INDEX_PROBES,
            "refine_factor": INDEX_REFINE,
        }
        with self._foreign():
            return self.opened().to_table(
                columns=[*columns, "_distance"], filter=where, prefilter=True, nearest=nearest
            )

    def index(self, column: str) -> int:
        """Make or renew the index of a column's vectors; the number of rows that are in it.

        Lance puts no row of fewer than 256 into a new index.
        """
        with self._foreign():
            dataset = self.opened()
            if list(dataset.describe_indices()):
                dataset.optimize.optimize_indices()
            else:
                cells = max(1, int(dataset.count_rows() ** 0.5))
                dataset.create_index(
                    column, "IVF_PQ", metric="cosine", num_partitions=cells, num_sub_vectors=16
                )
            return sum(int(i.num_rows_indexed) for i in self.opened().describe_indices())

    def read(self, columns: Sequence[str], *, where: str | None = None) -> pa.Table:
        """The rows that match a filter, at once: for small tables."""
        with self._foreign():
            return self.opened().to_table(columns=list(columns), filter=where)


def tables_of(
    archive: str, keys: PackKeys, dimensions: int, settings: S3Settings
) -> Iterator[tuple[Table, pa.Schema, Collection[str]]]:
    """The tables of a pack, the schema of each, and the columns that came later."""
    for key, table in (
        (keys.photos, columns.PHOTOS),
        (keys.faces, columns.FACES),
        (keys.gallery, columns.GALLERY),
    ):
        yield Table(archive, key, settings), table.stored(dimensions), table.later
