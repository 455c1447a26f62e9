"""``headcount rollback``: the archive as it was with an earlier job in it."""

from __future__ import annotations

import click

from headcount.text import counted
from orchestrator.archive.rollback import roll_back
from orchestrator.commands.options import archive_option, existing_archive, load_s3


@click.command()
@click.argument("job")
@archive_option
def command(job: str, archive: str) -> int:
    """Go back to the archive as it was when JOB was done.

    Photos, faces, gallery and cluster ids are those of then; results that were written stay as
    they are, and so do names and rejections that people gave. The next run takes in again what
    has changed since.
    """
    s3 = load_s3()
    undone = roll_back(existing_archive(archive, s3), job, s3)
    click.echo(
        f"the archive is as it was with job {job}: {counted(len(undone), 'later job')} undone"
    )
    return 0
