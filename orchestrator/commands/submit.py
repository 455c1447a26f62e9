"""``headcount submit``: hand a job to a cluster."""

from __future__ import annotations

import json
from typing import Any

import click

from orchestrator.commands.options import (
    archive_in,
    archive_option,
    first_option,
    job_options,
    json_option,
    load_s3,
    load_settings,
)
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("photos")
@archive_option
@click.option("--out", metavar="URI", help="Where the results go.  [default: in the archive]")
@click.option("--model", metavar="PACK", help="Model pack: name, folder or s3:// URI.")
@job_options
@first_option
@json_option
def command(
    photos: str,
    archive: str,
    out: str | None,
    model: str | None,
    as_json: bool,
    **wishes: Any,
) -> int:
    """Plan a job over PHOTOS and leave it in the archive; prints the job id.

    `headcount supervise` drives it, on whatever machine that runs.
    """
    settings, s3 = load_settings(model=model), load_s3()
    place = archive_in(archive, s3)
    spec = make_spec(photos=photos, archive=place, out=out, settings=settings, **wishes)
    store = submit(spec, s3)
    if spec.beside:  # planned later: the first worker finds which pack this is
        say_json(json.dumps({"job_id": spec.job_id}) if as_json else spec.job_id)
        return 0
    plan = plan_job(store, spec, s3)
    if as_json:
        say_json(json.dumps({"job_id": spec.job_id, "plan": plan.model_dump(mode="json")}))
        return 0
    fresh = plan.new + plan.changed if spec.first is None else plan.planned_photos
    say(
        f"{looked_at(spec.first, plan.photos)}, {fresh:,} of them new or changed, "
        + (f"{plan.reread:,} read anew, " if plan.reread else "")
        + (f"{plan.hand_drawn:,} again for faces drawn by hand, " if plan.hand_drawn else "")
        + f"in {plan.shards:,} shards",
        err=True,
    )
    say(spec.job_id)
    return 0


def looked_at(first: int | None, photos: int) -> str:
    """The photos that a job is about in words: all, or those of a first look."""
    if first is None:
        return f"{photos:,} photos"
    return f"a first look: {min(first, photos):,} of {photos:,} photos"
