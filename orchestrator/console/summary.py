"""The last lines of a run: what came out, where it lies, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from headcount.contract import results
from headcount.contract.messages import FinishedRecord
from headcount.contract.vocabulary import PROCESSED
from headcount.settings import S3Settings
from headcount.storage import open_store
from headcount.storage.uris import local_path

DONE, FAILED, WITH_FAILURES = 0, 1, 3


def conclude(finished: FinishedRecord, s3: S3Settings) -> int:
    """Print the result of a finished job; gives the exit code."""
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
            f"{counted(finished.references_forgotten, 'reference photo')} passed over: of people "
            "who were forgotten (`headcount forget --undo` ends that)"
        )
    click.echo(f"report: {readable(finished.out)}{results.REPORT}")
    return exit_code(finished)


def exit_code(finished: FinishedRecord) -> int:
    """0 done, 1 failed or cancelled, 3 done with photos that could not be processed."""
    if finished.state != "done":
        return FAILED
    return WITH_FAILURES if finished.failures or finished.reference_failures else DONE


def readable(uri: str) -> str:
    """A local URI as the path that a person would type."""
    if not uri.startswith("file://"):
        return uri
    path = local_path(uri)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}/"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 photo, 2,000 photos."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """What a run found, in a few lines."""
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
    return lines


def _never_to_be_found(summary: dict[str, Any]) -> str:
    """What of the expected could not be found at all; the report has the names."""
    absent = summary.get("expected_photos_absent", 0)
    strangers = summary.get("expected_not_enrolled", 0)
    forgotten = summary.get("expected_forgotten", 0)
    parts = [
        f"{counted(absent, 'photo')} not in the collection" if absent else "",
        f"{counted(strangers, 'name')} of nobody who is enrolled" if strangers else "",
        f"{forgotten:,} more passed over: of people who were forgotten" if forgotten else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""
