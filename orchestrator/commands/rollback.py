"""``headcount rollback``: restore the archive as it was after an earlier job."""

from __future__ import annotations

import click

from headcount.text import counted
from orchestrator.archive.rollback import roll_back
from orchestrator.commands.options import archive_option, existing_archive, load_s3
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say


@click.command()
@click.argument("job")
@archive_option
def command(job: str, archive: str) -> int:
    """Restore the archive as it was when JOB was done.

    Photos, faces, gallery and cluster ids go back to that state. Results that were written stay,
    and so do people's answers. The next run takes in again what has
    changed since.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    job = full_job_id(store, job)
    undone = roll_back(store, job, s3)
    say(f"the archive is as it was after job {job}: {counted(len(undone), 'later job')} undone")
    return 0
