"""``headcount prune``: remove from an archive what is outside a retention."""

from __future__ import annotations

import click

from headcount.errors import FatalError
from headcount.text import counted
from orchestrator.archive.prune import prune
from orchestrator.archive.retention import Retention
from orchestrator.commands.options import archive_option, existing_archive, load_s3, load_settings
from orchestrator.terminal import say


@click.command()
@archive_option
@click.option(
    "--keep-jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the last N jobs of each collection (or HEADCOUNT_KEEP_JOBS).",
)
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    metavar="D",
    help="Keep the jobs of the last D days (or HEADCOUNT_KEEP_DAYS).",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def command(archive: str, keep_jobs: int | None, keep_days: float | None, dry_run: bool) -> int:
    """Remove results, assignments, versions and records of jobs that are older than is kept.

    With both limits a job stays that either of them keeps. The tables' latest version, answers,
    the audit log, tombstones and jobs that have not ended always stay. Jobs may be at work.
    """
    settings, s3 = load_settings(), load_s3()
    if keep_jobs is None and keep_days is None:
        keep_jobs, keep_days = settings.keep_jobs, settings.keep_days
    retention = Retention(keep_jobs, keep_days)
    if not retention.is_set:
        raise FatalError(
            "nothing says what to keep: --keep-jobs N, --keep-days D, or both; or set "
            "HEADCOUNT_KEEP_JOBS or HEADCOUNT_KEEP_DAYS"
        )
    removed = prune(existing_archive(archive, s3), retention, s3, dry=dry_run, by_hand=True)
    size = removed.pop("bytes", 0)
    for what, number in removed.items():
        say(f"{number:>8,}  {what}")
    verb = "would go" if dry_run else "removed"
    say(f"{verb}: {counted(removed.get('jobs', 0), 'job')}, {size / 1e6:,.1f} MB")
    return 0
