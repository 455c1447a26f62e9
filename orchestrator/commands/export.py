"""``headcount export``: a job's result tables, written again in other formats."""

from __future__ import annotations

import click
import pyarrow as pa

from headcount.contract import results
from headcount.errors import FatalError, ObjectMissing
from headcount.export import read_table, scratch, write_table
from headcount.storage import canonical_uri, open_store
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, load_s3
from orchestrator.commands.results import finished_job, read_summary
from orchestrator.console.summary import readable

TABLES: dict[str, pa.Schema] = {
    "photos": results.PHOTOS,
    "faces": results.FACES,
    "people": results.PEOPLE,
    "clusters": results.CLUSTERS,
    "lineage": results.LINEAGE,
}


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
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="May be given again.",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    default=tuple(TABLES),
    type=click.Choice(list(TABLES)),
    help="Which tables; may be given again.  [default: all]",
)
def command(
    job: str | None, archive: str, to: str, formats: tuple[str, ...], tables: tuple[str, ...]
) -> int:
    """Write the result tables of JOB to --to; without JOB, those of the latest that ended well."""
    s3 = load_s3()
    finished = finished_job(existing_archive(archive, s3), job)
    read_summary(finished, s3)  # says so where another job's results are there by now
    source, target = open_store(finished.out, s3), open_store(canonical_uri(to), s3)
    for name in dict.fromkeys(tables):
        try:
            with scratch() as folder:
                parts = read_table(source, f"{name}.parquet", folder)
                rows = write_table(
                    target, name, TABLES[name], parts, formats=formats, folder=folder
                )
        except ObjectMissing as error:
            raise FatalError(
                f"the results of job {finished.job_id} are not in {finished.out} any more"
            ) from error
        for kind in formats:
            click.echo(f"{readable(target.uri)}{name}.{kind}: {counted(rows, 'row')}")
    return 0
