"""``headcount apply``: record the answers in a file, once all its lines are checked."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headcount.answers.file import read_lines
from headcount.contract.record import now
from headcount.errors import FatalError
from headcount.text import counted
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    load_s3,
    load_settings,
)
from orchestrator.commands.rematch import rematch_all
from orchestrator.people.answer import Checked, check_lines, record_checked, summary_text
from orchestrator.terminal import say, say_lines

STANDARD_INPUT = "-"


@click.command()
@click.argument("file", metavar="FILE")
@archive_option
@click.option("--dry-run", is_flag=True, help="Check all lines; record nothing.")
@click.option("--strict", is_flag=True, help="Take warnings, such as look-alike names, for errors.")
@click.option("--now", "at_once", is_flag=True, help="Match and cluster anew, at once.")
@click.option(
    "--expected", metavar="FILE", help="With --now: a roster, CSV or XLSX, as `rematch` takes it."
)
def command(
    file: str, archive: str, dry_run: bool, strict: bool, at_once: bool, expected: str | None
) -> int:
    """Record the answers in FILE, CSV or JSON Lines (`-`: standard input), for every later run.

    All lines are checked before any is recorded; each bad one is named by its number. What holds
    already is not recorded again. It never asks. With --now every collection of the archive is
    matched anew, as `headcount rematch` does. Columns: what, ids, person, photo, photo_sha256,
    box, orientation, said_at, said_by; docs/answers.md has the words.
    """
    if at_once and dry_run:
        raise click.UsageError("--now cannot be combined with --dry-run")
    if expected and not at_once:
        raise click.UsageError("--expected needs --now")
    s3 = load_s3()
    store = existing_archive(archive, s3)
    source = "standard input" if file == STANDARD_INPUT else file
    read = read_lines(_bytes(file), source, now())
    checked = check_lines(store, read.lines, s3, source=source, strict=strict, bad=read.bad)
    ignored = [f"the column {name} has no meaning here: ignored" for name in read.ignored]
    warnings = [note.text for note in checked.warnings]
    say_lines([*ignored, *warnings, *checked.contradictions], err=True)
    if not dry_run:
        record_checked(store, checked)
    say(_summary(checked, dry_run=dry_run))
    return rematch_all(store, load_settings(), s3, expected=expected) if at_once else 0


def _bytes(file: str) -> bytes:
    """The bytes of a file, or of standard input. Raises FatalError where it cannot be read."""
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise FatalError(f"{file} cannot be read: {error.strerror}") from error


def _summary(checked: Checked, *, dry_run: bool) -> str:
    warned = f"; {counted(len(checked.warnings), 'warning')}" if checked.warnings else ""
    done = "would be recorded" if dry_run else "recorded, for the next run and every later one"
    return (
        f"{summary_text(checked)}{warned}: {done}"
        if checked.answers
        else (f"nothing new to record: {summary_text(checked)}{warned}")
    )
