"""The last lines of a run: its counts, the place of its results, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headcount.collections.leftovers import left_out_lines
from headcount.contract import results
from headcount.contract.reading import FIRST
from headcount.contract.stored.jobs import FinishedRecord
from headcount.contract.vocabulary import PROCESSED
from headcount.rosters.statuses import Status
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.storage.uris import local_path
from headcount.text import counted, older_reading
from orchestrator.terminal import say

DONE, FAILED, WITH_FAILURES = 0, 1, 3

_STATUS_WORDS = {
    Status.PRESENT: "present",
    Status.INFERRED: "inferred",
    Status.ACCEPTED: "absent, which is fine",
    Status.NEAR_MISS: "nearly recognised",
    Status.TOO_POOR_TO_SAY: "too poor to say",
    Status.ABSENT: "absent",
    Status.PHOTO_UNREADABLE: "in photos that could not be read",
    Status.PHOTO_ABSENT: "without a photo",
    Status.NOT_ENROLLED: "not enrolled",
}


_ALIKE_TOLD = 5
"""Pairs of people who look alike that are told one by one."""


def print_summary(finished: FinishedRecord, s3: S3Settings) -> int:
    """Print the summary of a finished job; return the exit code."""
    summary = json.loads(open_store(finished.out, s3).get(results.SUMMARY).data)
    for line in summary_lines(summary):
        say(line)
    if finished.left:
        say(left_line(finished.left))
    if finished.reference_failures:
        say(
            f"{counted(finished.reference_failures, 'reference photo')} could not be used; "
            "the report says why"
        )
    if finished.references_noted:
        say(
            f"{counted(finished.references_noted, 'reference photo')} enrolled with a note (one of "
            "several faces was taken, or --keep-poor asks for it); the report says which"
        )
    if finished.names_alike:
        say(
            f"{finished.names_alike:,} people have names that differ by case only: "
            "`headcount people` says which"
        )
    if finished.references_withdrawn:
        say(
            f"{counted(finished.references_withdrawn, 'reference')} withdrawn: gone from the "
            "people folder, or under another name there; `headcount people` lists who is enrolled"
        )
    if finished.references_forgotten:
        say(
            f"{counted(finished.references_forgotten, 'reference photo')} skipped: their people "
            "were forgotten (`headcount forget --undo` lets them be enrolled again)"
        )
    say(f"report: {readable(finished.out)}{results.REPORT}")
    return exit_code(finished)


def left_line(photos: int) -> str:
    """The line about photos that a job leaves, and how to go on."""
    return (
        f"{counted(photos, 'photo')} left, since the job's budget was spent: the next job over "
        "this collection goes on with them"
    )


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
        *_rematch_lines(summary),
        *_first_look_lines(summary),
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
        + (f"{alone:,} more dismissed, " if (alone := summary.get("clusters_dismissed")) else "")
        + f"{decisions.get('ignored', 0):,} too poor to judge",
    ]
    statuses, forgotten = summary.get("expected_statuses"), summary.get("expected_forgotten", 0)
    if statuses:
        lines.append(expected_line(statuses))
    elif summary["expected"]:  # of an earlier build
        expected = counted(summary["expected"], "person", "people")
        lines.append(
            f"{expected} expected in photos: {summary['expected_missing']:,} missing there"
        )
    if forgotten:
        lines.append(f"{counted(forgotten, 'expectation')} skipped: their people were forgotten")
    if kept := summary.get("kept"):
        lines.append(
            f"{counted(kept, 'photo')} could not be reached: the archive has what it knew of "
            f"{'it' if kept == 1 else 'them'}"
        )
    if older := summary.get("older_reading"):
        lines.append(older_reading(older))
    lines += left_out_lines(summary)
    more = (_change_lines, _unused_lines, _alike_lines, _ignored_lines, _removed_lines)
    lines += [line for told in more for line in told(summary)]
    return lines + reference_lines(
        summary.get("references_reread", 0),
        summary.get("references_older", 0),
        summary.get("reading", FIRST),
    )


def reference_lines(reread: int, older: int, reading: int) -> list[str]:
    """The lines about references that were read anew by a reading, and those that were not."""
    lines = []
    if reread:
        lines.append(f"{counted(reread, 'reference')} read anew by reading {reading}")
    if older:
        lines.append(
            f"{counted(older, 'reference')} could not be read anew by reading {reading} (the photo "
            "is out of reach, was changed, or shows no face that is good enough): as it was before"
        )
    return lines


def _rematch_lines(summary: dict[str, Any]) -> list[str]:
    """The line about a rematch."""
    if not summary.get("spec", {}).get("rematch"):
        return []
    drawn = summary.get("seconds", {}).get("embed")  # nothing else is embedded then
    read = "photos with faces drawn by hand were read, no others" if drawn else "no photo was read"
    return [f"matched and clustered anew: {read}, and the report has no pictures"]


def _first_look_lines(summary: dict[str, Any]) -> list[str]:
    """The lines about a first look: how few photos it is of, and how to go on."""
    if not summary.get("sample"):
        return []
    return [
        f"a first look: {summary['photos']:,} of {counted(summary['sample_of'], 'photo')}, drawn "
        f"at random; `headcount resume {summary['job_id']}` goes on with all"
    ]


def expected_line(statuses: Mapping[str, int]) -> str:
    """The numbers of expectations by status, in words; those that nobody has are left out."""
    told = [f"{statuses[s]:,} {words}" for s, words in _STATUS_WORDS.items() if statuses.get(s)]
    return f"{counted(sum(statuses.values()), 'expectation')}: {', '.join(told)}"


def _change_lines(summary: dict[str, Any]) -> list[str]:
    """The line about absences that are new or ended since the run before, if any."""
    changes = summary.get("expected_changes", {})
    new, ended = changes.get("new_absences", 0), changes.get("ended_absences", 0)
    if not (new or ended):
        return []
    return [f"since the run before: {counted(new, 'new absence')}, {ended:,} that ended"]


def _unused_lines(summary: dict[str, Any]) -> list[str]:
    """The lines about lines of the roster that expect nobody."""
    kinds = {
        "expected_lines_without_person": "no person",
        "expected_lines_without_scope": "no photo or folder",
    }
    return [
        f"{counted(found['count'], 'line')} of the roster "
        f"{'names' if found['count'] == 1 else 'name'} {words}: "
        + ", ".join(map(str, found["first"]))
        + (", ..." if found["count"] > len(found["first"]) else "")
        for key, words in kinds.items()
        if (found := summary.get(key)) and found["count"]
    ]


def _alike_lines(summary: dict[str, Any]) -> list[str]:
    """The lines about people whose references are alike: they may be one person."""
    pairs = summary.get(results.LOOK_ALIKES, [])
    lines = [
        f"{' and '.join(pair['names'])} have references that are as alike as two photos of one "
        f"person ({pair['similarity']:.2f}): check them"
        for pair in pairs[:_ALIKE_TOLD]
    ]
    further = len(pairs) - len(lines)
    return [*lines, f"and {counted(further, 'more pair')} in summary.json"] if further else lines


def _ignored_lines(summary: dict[str, Any]) -> list[str]:
    """The line about thresholds of an earlier build that this one does not go by."""
    if not summary.get("calibration_ignored"):
        return []
    return [
        "thresholds that an earlier build measured and kept are ignored, since they do not regard "
        "quality: measure anew with `headcount calibrate --keep`, or drop them with --drop"
    ]


def _removed_lines(summary: dict[str, Any]) -> list[str]:
    """The lines about tables of the run before in formats that this run was without."""
    return [
        f"tables of the run before as {kind} were removed: this run was without --format {kind}"
        for kind in summary.get("formats_removed", ())
    ]
