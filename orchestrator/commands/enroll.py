"""``headcount enroll``: add reference photos of people to an archive's gallery."""

from __future__ import annotations

import sys

import click

from headcount.collections.leftovers import references_left_out_lines
from headcount.contract.layout import PREPARE, JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import names_alike
from headcount.text import counted
from orchestrator.commands.options import (
    archive_in,
    archive_option,
    json_option,
    keep_poor_option,
    load_s3,
    load_settings,
    model_options,
)
from orchestrator.commands.run import crew
from orchestrator.console.progress import make_reporter
from orchestrator.console.summary import exit_code, reference_lines
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("people")
@archive_option
@keep_poor_option
@model_options
@json_option
def command(
    people: str,
    archive: str,
    keep_poor: bool,
    model: str | None,
    provider: str | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Enroll PEOPLE: one folder per person, or photos named NAME.jpg.

    New and changed references are added. References that came from this folder earlier and are gone
    from it are withdrawn. The exit code is 3 if a reference photo could not be used.
    """
    settings = load_settings(model=model, provider=provider, threads=threads)
    s3 = load_s3()
    spec = make_spec(
        photos=None,
        people=people,
        archive=archive_in(archive, s3),
        out=None,
        settings=settings,
        keep_poor=keep_poor,
    )
    store = submit(spec, s3)
    with make_reporter(sys.stderr) as reporter, crew(settings, 1) as (broker, pool):
        tick = pool.check if pool else lambda: None
        finished = Supervisor(
            store,
            spec.job_id,
            broker=broker,
            settings=settings,
            s3=s3,
            reporter=reporter,
            tick=tick,
        ).run()
    done = read_record(store, JobKeys(spec.job_id).done(PREPARE), DoneMarker)
    if as_json:
        say_json(done.model_dump_json(include={"references", "pack", "left_out"}, indent=1))
    else:
        _tell(done)
    return exit_code(finished)


def _tell(done: DoneMarker) -> None:
    _tell_references(done.references)
    reread, older = (done.counts.get(f"{of}_references", 0) for of in ("reread", "older"))
    for line in reference_lines(reread, older, done.reading):
        say(line)
    for line in references_left_out_lines(done.left_out):
        say(line)
    if passed := done.counts.get("forgotten_references"):
        say(
            f"{counted(passed, 'reference')} skipped: their people were forgotten "
            "(`headcount forget --undo` lets them be enrolled again)"
        )


def _tell_references(references: tuple[ReferenceReport, ...]) -> None:
    good = [reference for reference in references if reference.good]
    for reference in references:
        if reference.good and reference.reason:
            said = "kept" if reference.state == "known" else "enrolled"
            photo = reference.photo
            say(f"{said}: {photo} ({reference.person}): {reference.reason}")
        if not reference.good:
            said = "not used" if reference.refused else "withdrawn"
            photo = reference.photo
            say(f"{said}: {photo} ({reference.person}): {reference.reason}")
    for alike in names_alike(reference.person for reference in good):
        say(f"these names differ by case only: {', '.join(alike)}")
    people = len({r.person for r in good})
    fresh = sum(r.state == "enrolled" for r in good)
    say(
        f"{counted(people, 'person', 'people')} with {counted(len(good), 'reference')} enrolled, "
        f"{fresh:,} of them new"
    )
