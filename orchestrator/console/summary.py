"""The last lines of a run: its counts, the place of its results, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from headcount.contract import results
from headcount.contract.stored.jobs import FinishedRecord
from headcount.contract.vocabulary import PROCESSED
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.storage.uris import local_path
from headcount.text import counted

DONE, FAILED, WITH_FAILURES = 0, 1, 3


def print_summary(finished: FinishedRecord, s3: S3Settings) -> int:
    """Print the summary of a finished job; return the exit code."""
    summary = json.loads(open_store(finished.out, s3).get(results.SUMMARY).data)
    for line in summary_lines(summary):
        click.echo(line)
    if finished.reference_failures:
        click.echo(
            f"{counted(finished.reference_failures, 'reference photo')} could not be used; "
            "the report says why"
        )
    if finished.names_alike:
        click.echo(
            f"{finished.names_alike:,} people have names that differ by case only: "
            "`headcount people` says which"
        )
    if finished.references_withdrawn:
        click.echo(
            f"{counted(finished.references_withdrawn, 'reference')} withdrawn: gone from the "
            "people folder, or under another name there; `headcount people` lists who is enrolled"
        )
    if finished.references_forgotten:
        click.echo(
            f"{counted(finished.references_forgotten, 'reference photo')} skipped: their people "
            "were forgotten (`headcount forget --undo` lets them be enrolled again)"
        )
    click.echo(f"report: {readable(finished.out)}{results.REPORT}")
    return exit_code(finished)


def exit_code(finished: FinishedRecord) -> int:
    """Exit code: 0 done, 1 failed or cancelled, 3 done with photos that could not be processed."""
    if finished.state != "done":
        return FAILED
    return WITH_FAILURES if finished.failures or finished.reference_failures else DONE


def readable(uri: str) -> str:
    """Path of a local URI, relative to the current folder if inside; other URIs as they are."""
    if not uri.startswith("file://"):
        return uri
    path = local_path(uri)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}/"


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """Lines of a run's counts in words, from its summary.json."""
    outcomes, decisions = summary["outcomes"], summary["decisions"]
    bad = {o: n for o, n in outcomes.items() if o not in PROCESSED}
    lines = [
        f"{counted(summary['photos'], 'photo')}: {outcomes.get('faces', 0):,} with faces, "
        f"{outcomes.get('no_face', 0):,} without"
        + (
            f", {sum(bad.values()):,} not processed ("
            + ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(bad.items()))
            + ")"
            if bad
            else ""
        ),
        f"{counted(summary['faces'], 'face')}: {decisions.get('matched', 0):,} matched to "
        f"{summary['people_found']:,} of "
        f"{counted(summary['people'], 'enrolled person', 'enrolled people')}, "
        + (f"{decisions['inferred']:,} inferred, " if decisions.get("inferred") else "")
        + f"{decisions.get('unknown', 0):,} unknown in {counted(summary['clusters'], 'cluster')}, "
        f"{decisions.get('ignored', 0):,} too poor to judge",
    ]
    if summary["expected"] or summary.get("expected_forgotten"):
        lines.append(
            f"{counted(summary['expected'], 'person', 'people')} expected in photos: "
            f"{summary['expected_missing']:,} missing there" + _never_to_be_found(summary)
        )
    lines += [
        f"tables of the run before as {kind} were removed: this run was without --format {kind}"
        for kind in summary.get("formats_removed", ())
    ]
    return lines


def _never_to_be_found(summary: dict[str, Any]) -> str:
    """Reasons why expected people could not be found at all, in words; the report names them."""
    absent = summary.get("expected_photos_absent", 0)
    unknown = summary.get("expected_not_enrolled", 0)
    forgotten = summary.get("expected_forgotten", 0)
    parts = [
        f"{counted(absent, 'photo')} not in the collection" if absent else "",
        f"{counted(unknown, 'name')} not enrolled" if unknown else "",
        f"{forgotten:,} more skipped: their people were forgotten" if forgotten else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""
