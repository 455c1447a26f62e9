"""``headcount plan``: estimate a job before anything is spent."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import click

from headcount.collections.leftovers import left_out_lines
from headcount.contract.record import now
from headcount.contract.stored.jobs import JobSpec, ProgressRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.storage.local.scratch import scratch_folder
from headcount.text import counted, older_reading
from orchestrator.commands.options import (
    archive_in,
    budget_options,
    first_option,
    json_option,
    load_s3,
    load_settings,
    model_options,
    reread_option,
    selection_options,
)
from orchestrator.commands.run import crew
from orchestrator.console.forecast import forecast
from orchestrator.console.progress import duration, make_reporter
from orchestrator.jobs.budget import budget_of
from orchestrator.jobs.estimate import Sample, run_sample, survey
from orchestrator.jobs.reread import Gain
from orchestrator.jobs.submit import check_sources, make_spec
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.terminal import say_json, say_lines

CLASSES = {
    Gain.NO_FACE: "without a face",
    Gain.FAILED: "that failed",
    Gain.UNNAMED: "without a name",
    Gain.REST: "with a name",
}
"""The classes of photos of an older reading, in words."""


@click.command()
@click.argument("photos")
@click.option(
    "--archive",
    envvar="HEADCOUNT_ARCHIVE",
    metavar="URI",
    help="Leave out photos that this archive knows.",
)
@selection_options
@reread_option
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Run N of the photos on this machine, to estimate faces and time.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Estimate the time with this many such workers.",
)
@budget_options
@first_option
@model_options
@json_option
def command(
    photos: str,
    archive: str | None,
    sample: int,
    workers: int,
    model: str | None,
    provider: str | None,
    threads: int | None,
    as_json: bool,
    **wishes: Any,
) -> int:
    """Estimate a job over PHOTOS. Nothing is written except indexes of tar and ZIP files."""
    settings, s3 = load_settings(model=model, provider=provider, threads=threads), load_s3()
    with scratch_folder() as nowhere:
        spec = make_spec(
            photos=photos,
            people=None,
            archive=archive_in(archive, s3) if archive else str(nowhere),
            out=None,
            settings=settings,
            **wishes,
        )
        check_sources(spec, s3)
        store = open_store(spec.archive, s3)
        estimate, chosen = survey(store, spec, s3, sample)
        budget = budget_of(store, spec)
    found: dict[str, Any] = estimate.as_dict()
    if chosen:
        run = partial(work_here, settings=settings, s3=s3)
        sampled = run_sample(spec.model_copy(update={"first": None}), chosen, run)
        found |= reckoned(sampled, estimate.planned_photos, workers)
        if budget is not None:
            found["budget"] = forecast(budget, as_progress(sampled, found)).as_dict()
        if estimate.first:
            planned = estimate.first["planned_photos"]
            found["first"] = estimate.first | scaled(sampled, planned, workers)
    if as_json:
        say_json(json.dumps(found, indent=1))
    else:
        say_lines(lines_of(found, workers))
    return 0


def work_here(store: Store, spec: JobSpec, *, settings: Settings, s3: S3Settings) -> None:
    """Drive a job with an own broker and worker, whatever broker is set."""
    own = settings.model_copy(update={"broker_url": None})
    with make_reporter(sys.stderr) as reporter, crew(own, 1) as (broker, pool):
        Supervisor(
            store,
            spec.job_id,
            broker=broker,
            settings=own,
            s3=s3,
            reporter=reporter,
            tick=pool.check if pool else lambda: None,
        ).run()


def reckoned(sample: Sample, photos: int, workers: int) -> dict[str, Any]:
    """Estimate of faces, worker-hours, seconds and the end, for a job that begins now."""
    found = scaled(sample, photos, workers)
    end = now() + timedelta(seconds=found["seconds"])
    return {"sample": asdict(sample), **found, "end": end.isoformat()}


def scaled(sample: Sample, photos: int, workers: int) -> dict[str, float]:
    """Estimate of faces, worker-hours and seconds for so many photos."""
    found = sample.scaled_to(photos)
    return {**found, "seconds": found["worker_hours"] * 3600 / workers}


def as_progress(sample: Sample, found: dict[str, Any]) -> ProgressRecord:
    """Snapshot of the estimated job as it begins, at the rate of the sample."""
    photos = found["planned_photos"]
    return ProgressRecord(
        job_id="",
        stage="embed",
        updated=now(),
        photos_total=photos,
        outcomes=sample.outcomes,
        worker_seconds=sample.seconds,
        photos_per_second=photos / found["seconds"],
    )


def size(number: int) -> str:
    """Bytes in words: 1.5 GiB, 20.0 MiB."""
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.1f} MiB"


def lines_of(found: dict[str, Any], workers: int) -> list[str]:
    """Lines of the estimate in words."""
    formats = ", ".join(f"{number:,} {name}" for name, number in found["formats"].items())
    lines = [
        f"{counted(found['photos'], 'photo')}, {size(found['bytes'])}: {formats or '-'}; "
        f"{counted(found['other_objects'], 'other object')} left alone",
        *left_out_lines(found),
        f"to do: {counted(found['planned_photos'], 'photo')}, "
        f"{size(found['planned_bytes'])} ({found['new']:,} new, "
        f"{found['changed']:,} changed{_again(found)}); {found['known']:,} known, "
        f"{found['removed']:,} removed",
        *_older_lines(found),
    ]
    if first := found["first"]:
        lines.append(first_line(first))
    if "sample" not in found:
        return lines if not found["planned_photos"] else [*lines, "faces and time: --sample 50"]
    return [
        *lines,
        f"about {counted(found['expected_faces'], 'face')}, {found['worker_hours']:,.2f} "
        f"worker-hours on machines like this one; with {counted(workers, 'worker')} "
        f"{duration(found['seconds'])}, until {found['end'][:16]} UTC, if begun now "
        f"(by a sample of {counted(found['sample']['photos'], 'photo')})",
        *([found["budget"]["line"]] if "budget" in found else []),
    ]


def _again(found: dict[str, Any]) -> str:
    drawn = f", {found['hand_drawn']:,} again for faces drawn by hand"
    anew = f", {found['reread']:,} read anew" if found["reread"] else ""
    return anew + (drawn if found["hand_drawn"] else "")


def _older_lines(found: dict[str, Any]) -> list[str]:
    """Lines about known photos of an older reading, and those that are to be read anew."""
    if not found["older_reading"]:
        return []
    lines = [f"{older_reading(found['older_reading'])} ({_classes(found['older_by_class'])})"]
    if found["reread"]:
        lines.append(f"read anew, in this order: {_classes(found['reread_by_class'])}")
    return lines


def _classes(numbers: dict[str, int]) -> str:
    told = [f"{number:,} {CLASSES[Gain(gain)]}" for gain, number in numbers.items() if number]
    return ", ".join(told) or "all searched more thoroughly than this job would"


def first_line(first: dict[str, Any]) -> str:
    """Line of a first look in words: what it takes of the whole."""
    line = (
        f"a first look: {counted(first['photos'], 'photo')} drawn at random, of which "
        f"{first['planned_photos']:,} to do, {size(first['planned_bytes'])}"
    )
    return f"{line}; about {duration(first['seconds'])}" if "seconds" in first else line
