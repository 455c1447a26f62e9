"""``headcount retry``: begin a new job over the photos that failed, and no others."""

from __future__ import annotations

import json

import click

from headcount.contract.layout import JobKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.jobs import JobSpec, PlanRecord
from headcount.contract.vocabulary import Outcome, new_job_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    job_argument,
    json_option,
    load_s3,
)
from orchestrator.commands.status import read_status
from orchestrator.jobs.plan import pack_id_of, plan_job
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say, say_json

FAILURES = tuple(outcome.value for outcome in Outcome if not outcome.processed)


def parse_outcomes(
    context: click.Context, parameter: click.Parameter, value: str
) -> tuple[Outcome, ...]:
    """Outcomes of a comma-separated list. Raises a usage error for an unknown one."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    wrong = [name for name in names if name not in FAILURES]
    if wrong or not names:
        raise click.BadParameter(
            f"{', '.join(wrong) or value!r}: expected one or more of {', '.join(FAILURES)}",
            context,
            parameter,
        )
    return tuple(Outcome(name) for name in names)


@click.command()
@job_argument
@archive_option
@click.option(
    "--outcome",
    "outcomes",
    default=",".join(FAILURES),
    show_default=True,
    callback=parse_outcomes,
    metavar="LIST",
    help="Which failures to try again.",
)
@click.option("--out", metavar="URI", help="Where the results go.  [default: where JOB's went]")
@json_option
def command(
    job: str, archive: str, outcomes: tuple[Outcome, ...], out: str | None, as_json: bool
) -> int:
    """Try again the photos of JOB's collection that ended with one of these outcomes.

    Prints the id of a new job, which `headcount supervise` or `headcount resume` drives. Its
    results cover the whole collection. If there is nothing to try again, no job is made.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    job = full_job_id(store, job)
    read_status(store, job)  # refuses a job that is not there
    earlier = read_record(store, JobKeys(job).spec, JobSpec)
    if earlier.photos is None:
        raise FatalError(f"job {job} only enrolled people: it has no photos to try again")
    if earlier.first is not None:
        raise FatalError(
            f"job {job} is a first look at some photos: `headcount resume {job}` goes on with all, "
            "and a later job can try again what failed"
        )
    created = now()
    changes: dict[str, object] = {
        "job_id": new_job_id(created),
        "created": created,
        "retries": outcomes,
        "reread": None,
        "rematch": None,
        **dict.fromkeys(("until", "worker_hours", "ends")),  # the budget was JOB's own
        "out": canonical_uri(out) if out else earlier.out,
    }
    spec = earlier.model_copy(update=changes)
    plan = _planned(store, spec, s3, pack_id_of(store, earlier))
    if not plan.planned_photos:
        say(f"nothing to try again: none of {plan.photos:,} photos has these outcomes", err=True)
        if as_json:
            say_json(json.dumps({"job_id": None, "plan": plan.model_dump(mode="json")}))
        return 0
    store.put(JobKeys(spec.job_id).spec, spec.to_bytes())
    if as_json:
        say_json(json.dumps({"job_id": spec.job_id, "plan": plan.model_dump(mode="json")}))
        return 0
    say(f"{plan.planned_photos:,} of {plan.photos:,} photos are tried again", err=True)
    say(spec.job_id)
    return 0


def _planned(store: Store, spec: JobSpec, s3: S3Settings, pack_id: str | None) -> PlanRecord:
    """Plan a job that has no spec yet; delete the plan again where there is nothing to do."""
    planned = 0
    try:
        plan = plan_job(store, spec, s3, pack_id=pack_id)
        planned = plan.planned_photos
        return plan
    finally:
        if not planned:
            for info in list(store.list(JobKeys(spec.job_id).root)):
                store.delete(info.key)
