"""``headcount export``: write a job's tables in other formats, or an archive's embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import click
import pyarrow as pa

from headcount import audit
from headcount.archive import Archive
from headcount.archive.columns import EMBEDDINGS
from headcount.contract import results
from headcount.contract.columns import RESULTS
from headcount.contract.marks import contract_of, read_marks
from headcount.contract.stored.jobs import TABLE_FORMATS, FinishedRecord, SheetForm
from headcount.errors import FatalError, ObjectMissing
from headcount.export import contract_schema, fetch_table, scratch, write_table
from headcount.storage import Store, canonical_uri, open_store
from headcount.text import counted
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    load_s3,
    load_settings,
)
from orchestrator.commands.results import finished_job, read_summary
from orchestrator.console.summary import readable
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say


@click.command()
@click.argument("job", required=False)
@archive_option
@click.option("--to", required=True, metavar="DIR", help="Where the files go: folder or URI.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(TABLE_FORMATS),
    help="May be given again.  [default: csv]",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(list(RESULTS)),
    help="Which tables; may be given again.  [default: all]",
)
@click.option(
    "--embeddings",
    is_flag=True,
    help="Instead of tables, every face's embedding with its ids and decision, as Parquet.",
)
@click.option(
    "--model", metavar="PACK", help="Of embeddings: a pack of the archive.  [default: in use]"
)
def command(
    job: str | None,
    archive: str,
    to: str,
    formats: tuple[str, ...],
    tables: tuple[str, ...],
    embeddings: bool,
    model: str | None,
) -> int:
    """Write the result tables of JOB to --to; without JOB, those of the latest that is done.

    With --embeddings: the faces of all collections, or those of JOB's collection.
    """
    if embeddings and (formats or tables):
        raise click.UsageError("--embeddings are Parquet, alone: without --table and --format")
    if model and not embeddings:
        raise click.UsageError("--model is for --embeddings alone")
    s3, form = load_s3(), SheetForm.of(load_settings())
    store = existing_archive(archive, s3)
    target = open_store(canonical_uri(to), s3)
    if embeddings:
        job = job and full_job_id(store, job)
        return _export_embeddings(Archive(store, s3), store, target, job, model)
    finished = finished_job(store, job)
    audit.record_reading(store, "export", finished.job_id)
    read_summary(finished, s3)  # says so where another job's results are there by now
    _export_tables(finished, open_store(finished.out, s3), target, tables, formats, form)
    return 0


def _export_embeddings(
    archive: Archive, store: Store, target: Store, job: str | None, model: str | None
) -> int:
    """Write the embeddings of an archive, batch by batch; return the exit code."""
    _require_reachable(store, target)
    reader = archive.embedding_reader(job=job, pack=model)
    audit.record_reading(store, "export", job or "archive")
    parts = (pa.Table.from_batches([batch]) for batch in reader)
    with scratch() as folder:
        rows = write_table(
            target, EMBEDDINGS.name, reader.schema, parts, formats=("parquet",), folder=folder
        )
    say(f"{readable(target.uri)}{EMBEDDINGS.name}.parquet: {counted(rows, 'row')}")
    return 0


def _require_reachable(store: Store, target: Store) -> None:
    """Raise FatalError for embeddings among results: no `forget` takes people out of them there."""
    taken = next(iter(target.list(results.SUMMARY)), None) is not None
    if taken or target.uri.startswith(store.uri):
        raise FatalError(
            f"{target.uri} has an archive's or a job's own files, and `forget` would not take "
            "people out of embeddings there: choose a folder of its own with --to"
        )


def _export_tables(
    finished: FinishedRecord,
    source: Store,
    target: Store,
    tables: Sequence[str],
    formats: Sequence[str],
    form: SheetForm,
) -> None:
    formats = formats or ("csv",)
    for name in dict.fromkeys(tables or RESULTS):
        try:
            rows = _export(source, target, name, formats, form)
        except ObjectMissing as error:
            if not RESULTS[name].shown(version=1).names:
                continue  # a job of an earlier build has no such table
            raise FatalError(
                f"the results of job {finished.job_id} are not in {finished.out} any more"
            ) from error
        for kind in formats:
            say(f"{readable(target.uri)}{name}.{kind}: {counted(rows, 'row')}")


def _export(
    source: Store, target: Store, name: str, formats: Sequence[str], form: SheetForm
) -> int:
    """Write a table with the columns that it has; return the number of its rows.

    Raises FatalError where it is somebody else's, or cannot be read.
    """
    key = f"{name}.parquet"
    with scratch() as folder:
        found = fetch_table(source, key, folder)
        contract = contract_of(found.schema, name, read_marks(source).get(key))
        if contract is None:
            raise FatalError(f"{source.uri}{key} is out of reach: no run of headcount wrote it")
        schema = contract_schema(found.schema, RESULTS[name].shown(contract))
        try:
            return write_table(
                target,
                name,
                schema,
                found.parts,
                formats=formats,
                folder=folder,
                contract=contract,
                form=form,
            )
        except pa.ArrowException as error:
            raise FatalError(
                f"{source.uri}{key} is out of reach: it cannot be read as a table of {name}: "
                f"{error}"
            ) from error
