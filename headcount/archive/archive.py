"""Archive: an open archive. Its tables are read when they are asked for, and given as Arrow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from headcount.answers.kept import holding, read_answers
from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.archive import columns, rows
from headcount.archive.columns import schema_of
from headcount.archive.programs import Ended, Option, Told, command_line, start
from headcount.archive.selection import Part, jobs_table, latest_end, select_pack, select_parts
from headcount.assignments import history
from headcount.assignments.expectations import read_expectations
from headcount.contract import results
from headcount.contract.layout import PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri
from headcount.tables.filters import in_collection
from headcount.tables.table import Table

BATCH_ROWS = 64_000
"""Rows of a batch of embeddings: those of a row group of Parquet."""

Chosen = str | Sequence[str] | None
"""Collections: a URI, path or id, several of them, or all."""
Path = str | os.PathLike[str]


class Archive:
    """An open archive: tables as Arrow, read anew at each call, and programs to work on it.

    The tables have the columns in docs/python.md. ``collection`` is a URI, path or id, or a list
    of them; without it, all are meant. ``pack`` is a model pack's name or id; without it, the one
    that the archive goes by. ``job`` is the job whose decisions are meant; without it, the latest
    of each collection. Faces and photos are always those that the archive has now.

    Methods raise FatalError where no job has results yet, where a collection, pack or job is not
    there (it lists those that are), and where the archive is damaged; TransientError where the
    store cannot be reached.
    """

    def __init__(self, store: Store, s3: S3Settings) -> None:
        self._store, self._s3 = store, s3

    def __repr__(self) -> str:
        return f"<headcount archive {self.uri}>"

    @property
    def uri(self) -> str:
        """The URI of the archive."""
        return self._store.uri

    @property
    def pack(self) -> PackRecord:
        """The model pack in use: name, id, digests, licence, dimensions, thresholds."""
        return select_pack(self._store, None)

    @property
    def collections(self) -> tuple[str, ...]:
        """The URIs of the collections that have results under the pack in use."""
        return tuple(part.uri for part in self._parts(None, None)[1])

    @property
    def jobs(self) -> pa.Table:
        """All jobs, the oldest first, with their states; none is needed to have ended."""
        return jobs_table(self._store)

    def photos(self, collection: Chosen = None, *, pack: str | None = None) -> pa.Table:
        """One row per photo: outcome, size, when it was taken, number of faces."""
        _, parts = self._parts(collection, pack)
        tables = (
            _with_constants(table, collection=part.uri)
            for part in parts
            for table in self._scan(part.keys.photos, results.PHOTOS, part.collection)
        )
        return _whole(tables, schema_of(columns.PHOTOS))

    def faces(
        self, collection: Chosen = None, *, pack: str | None = None, job: str | None = None
    ) -> pa.Table:
        """One row per face: box and landmarks in pixels of the upright photo, quality, decision.

        A face that the job did not decide on has none: one that is newer than the job.
        """
        return _whole(self._faces(collection, pack, job), schema_of(columns.FACES))

    def embeddings(
        self, collection: Chosen = None, *, pack: str | None = None, job: str | None = None
    ) -> pa.Table:
        """One row per face that has an embedding: float32 of unit length beside its ids.

        ``embedding`` is a fixed-size list, not null. A million faces of 128 numbers take 0.8 GB;
        ``embedding_reader`` gives them batch by batch.
        """
        return self.embedding_reader(collection, pack=pack, job=job).read_all()

    def embedding_reader(
        self,
        collection: Chosen = None,
        *,
        pack: str | None = None,
        job: str | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> pa.RecordBatchReader:
        """Read the rows of ``embeddings`` in batches of ``batch_rows``; it can be read once.

        An error of the store comes out of it as it is where Arrow reads it, and as an error of the
        library where DuckDB, polars or pandas does.
        """
        record, parts = self._parts(collection, pack, job)
        schema = schema_of(columns.EMBEDDINGS, record.dimensions)
        tables = rows.in_parts(self._embeddings(record, parts, schema), batch_rows)
        return pa.RecordBatchReader.from_batches(
            schema, (batch for table in tables for batch in table.combine_chunks().to_batches())
        )

    def people(self, collection: Chosen = None, *, pack: str | None = None) -> pa.Table:
        """One row per enrolled person: references, and the photos and faces with the name.

        People who were renamed have the name that they have now.
        """
        record, parts = self._parts(collection, pack)
        enrolled = self._gallery(record, ["person_id", "person", "source", "photo"])
        assigned = pa.concat_tables(
            self._assigned(part).select(["collection", "photo", "person_id", "person"])
            for part in parts
        )
        named = with_present_names(assigned, Renames.of_archive(self._store))
        people = rows.people_table(enrolled, named)
        return people.cast(schema_of(columns.PEOPLE))

    def references(self, *, pack: str | None = None) -> pa.Table:
        """One row per reference of an enrolled person: the gallery, with its embeddings."""
        record = select_pack(self._store, pack)
        schema = schema_of(columns.REFERENCES, record.dimensions)
        names = [n for n in schema.names if n not in ("embedding", "pack", "metric")]
        table = self._gallery(record, [*names, "descriptor"])
        embedded = rows.with_embeddings(table, record.dimensions)
        return _with_constants(embedded, **_made_by(record)).select(schema.names).cast(schema)

    def clusters(
        self, collection: Chosen = None, *, pack: str | None = None, job: str | None = None
    ) -> pa.Table:
        """One row per cluster: faces, photos, person, the face of best quality."""
        record, parts = self._parts(collection, pack, job)
        tables = []
        for part in parts:
            found = _whole(self._faces_of(part, record), schema_of(columns.FACES))
            unsaid = pa.nulls(len(found), pa.string())  # the archive does not keep it
            faces = found.append_column("evidence", unsaid)
            table = results.clusters_table(faces, rows.cluster_people(faces))
            tables.append(_with_constants(table, collection=part.uri))
        return _whole(tables, schema_of(columns.CLUSTERS))

    def assignments(
        self, collection: Chosen = None, *, pack: str | None = None, job: str | None = None
    ) -> pa.Table:
        """One row per face that a job decided on, also of faces that are not there any more."""
        _, parts = self._parts(collection, pack, job)
        return _whole(map(self._assigned, parts), schema_of(columns.ASSIGNMENTS))

    def expected(
        self, collection: Chosen = None, *, pack: str | None = None, job: str | None = None
    ) -> pa.Table:
        """One row per expectation of the jobs' rosters, with what became of it."""
        _, parts = self._parts(collection, pack, job)
        tables = []
        for part in parts:
            kept = read_expectations(self._store, part.keys, part.collection, part.job_id)
            tables.append(_with_constants(kept, collection=part.uri, job_id=part.job_id))
        return _whole(tables, schema_of(columns.EXPECTED))

    def answers(self) -> pa.Table:
        """What people said and did not take back, in that order: one row per face."""
        return rows.answers_table(holding(read_answers(self._store)))

    def run(self, photos: Path, *, out: Path, told: Told | None = None, **options: Option) -> Ended:
        """Take the roll of ``photos`` into this archive, as ``headcount run`` does.

        ``options`` are those of the command line: ``people="people/"``, ``purity=0.8``,
        ``keep_poor=True``, ``format=["csv", "xlsx"]``. ``told`` is called with each line that the
        program prints: ``told=print`` shows how far it is.
        """
        asked = {"out": out, "archive": self.uri, **options}
        place = canonical_uri(os.fspath(out))
        return self._start(command_line("run", [os.fspath(photos)], asked), told, out=place)

    def rematch(
        self, collection: Path | None = None, *, told: Told | None = None, **options: Option
    ) -> Ended:
        """Match and cluster anew what the archive has, as ``headcount rematch`` does."""
        photos = [] if collection is None else [os.fspath(collection)]
        return self._start(command_line("rematch", photos, {"archive": self.uri, **options}), told)

    def apply(
        self,
        answers: Path | Iterable[Mapping[str, Any]],
        *,
        told: Told | None = None,
        **options: Option,
    ) -> Ended:
        """Record the answers of a file, or of rows, as ``headcount apply`` does.

        A row is a mapping such as ``{"what": "name", "ids": "f12", "person": "Ada"}``.
        ``dry_run=True`` checks them alone, ``now=True`` matches anew afterwards.
        """
        asked = {"archive": self.uri, **options}
        if isinstance(answers, str | os.PathLike):
            return self._start(command_line("apply", [os.fspath(answers)], asked), told)
        text = "".join(json.dumps(dict(row), default=str) + "\n" for row in answers)
        return self._start(command_line("apply", ["-"], asked), told, text=text)

    def _start(
        self,
        arguments: Sequence[str],
        told: Told | None,
        *,
        text: str | None = None,
        out: str | None = None,
    ) -> Ended:
        began = now()
        ended = start(arguments, text=text, told=told)
        job = latest_end(self._store, began, out)
        return ended if job is None else replace(ended, job_id=job.job_id, out=job.out)

    def _parts(
        self, collection: Chosen, pack: str | None, job: str | None = None
    ) -> tuple[PackRecord, list[Part]]:
        record = select_pack(self._store, pack)
        return record, select_parts(self._store, record.pack_id, collection, job)

    def _scan(
        self, key: str, wanted: pa.Schema | Sequence[str], collection: str
    ) -> Iterator[pa.Table]:
        table = Table(self.uri, key, self._s3)
        for batch in table.scan(wanted, where=in_collection(collection)):
            yield pa.Table.from_batches([batch])

    def _gallery(self, record: PackRecord, names: Sequence[str]) -> pa.Table:
        table = Table(self.uri, PackKeys(record.pack_id).gallery, self._s3).read(names)
        return with_present_names(table, Renames.of_archive(self._store))

    def _assigned(self, part: Part) -> pa.Table:
        """The assignments of a part's job, with the collection and the job beside them."""
        table = history.read_assignments(self._store, part.keys, part.collection, part.job_id)
        return _with_constants(table, collection=part.uri, job_id=part.job_id)

    def _faces(self, collection: Chosen, pack: str | None, job: str | None) -> Iterator[pa.Table]:
        record, parts = self._parts(collection, pack, job)
        for part in parts:
            yield from self._faces_of(part, record)

    def _faces_of(self, part: Part, record: PackRecord) -> Iterator[pa.Table]:
        given = {*rows.SAID, "row_id", "collection", "job_id", "pack"}
        names = [name for name in schema_of(columns.FACES).names if name not in given]
        yield from self._decided(part, record, names)

    def _decided(self, part: Part, record: PackRecord, names: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of a part's faces, with their ids and what was said of them."""
        assigned = history.read_assignments(self._store, part.keys, part.collection, part.job_id)
        constants = {"collection": part.uri, "job_id": part.job_id, **_made_by(record)}
        scanned = self._scan(part.keys.faces, names, part.collection)
        for faces in rows.in_parts(scanned, BATCH_ROWS):
            ids = rows.row_ids(part.collection, faces)
            decided = rows.with_assignments(faces, assigned).append_column("row_id", ids)
            yield _with_constants(decided, **constants)

    def _embeddings(
        self, record: PackRecord, parts: Iterable[Part], schema: pa.Schema
    ) -> Iterator[pa.Table]:
        given = {*rows.SAID, "row_id", "embedding", "collection", "job_id", "pack", "metric"}
        names = [name for name in schema.names if name not in given]
        for part in parts:
            for faces in self._decided(part, record, [*names, "descriptor"]):
                embedded = rows.with_embeddings(faces, record.dimensions)
                yield embedded.select(schema.names).cast(schema)


def _made_by(record: PackRecord) -> dict[str, str]:
    return {"pack": record.pack_id, "metric": columns.METRIC}


def _with_constants(table: pa.Table, **values: str) -> pa.Table:
    """A table with further columns of one value each."""
    for name, value in values.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), len(table)))
    return table


def _whole(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """One table of several, with the columns of a schema."""
    parts = [table.select(schema.names).cast(schema) for table in tables]
    return pa.concat_tables([schema.empty_table(), *parts])
