"""``headcount export``: write a job's result tables in other formats."""

from __future__ import annotations

from collections.abc import Sequence

import click
import pyarrow as pa

from headcount import audit
from headcount.contract.columns import RESULTS
from headcount.contract.marks import contract_of, read_marks
from headcount.contract.stored.jobs import TABLE_FORMATS, SheetForm
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
from orchestrator.terminal import say


@click.command()
@click.argument("job", required=False)
@archive_option
@click.option("--to", required=True, metavar="DIR", help="Where the files go: folder or URI.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("csv",),
    show_default=True,
    type=click.Choice(TABLE_FORMATS),
    help="May be given again.",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    default=tuple(RESULTS),
    type=click.Choice(list(RESULTS)),
    help="Which tables; may be given again.  [default: all]",
)
def command(
    job: str | None, archive: str, to: str, formats: tuple[str, ...], tables: tuple[str, ...]
) -> int:
    """Write the result tables of JOB to --to; without JOB, those of the latest that is done."""
    s3, form = load_s3(), SheetForm.of(load_settings())
    store = existing_archive(archive, s3)
    finished = finished_job(store, job)
    audit.record_reading(store, "export", finished.job_id)
    read_summary(finished, s3)  # says so where another job's results are there by now
    source, target = open_store(finished.out, s3), open_store(canonical_uri(to), s3)
    for name in dict.fromkeys(tables):
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
    return 0


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
