"""``headcount schedule``: begin a job again and again."""

from __future__ import annotations

import json
from typing import Any

import click
from pydantic import ValidationError

from headcount.contract.record import now
from headcount.contract.stored.jobs import ScheduleRecord
from headcount.errors import FatalError
from orchestrator.commands.options import (
    archive_in,
    archive_option,
    existing_archive,
    job_options,
    json_option,
    load_s3,
    load_settings,
)
from orchestrator.jobs.submit import check_expected, make_request, open_archive
from orchestrator.jobs.until import clock_of
from orchestrator.schedules.cron import Cron
from orchestrator.schedules.schedule import Scheduler, add_schedule, remove_schedule, states
from orchestrator.terminal import say, say_json


@click.group()
def command() -> None:
    """Begin a job again and again, whenever a schedule is due; `headcount supervise` drives it."""


@command.command()
@click.argument("name")
@click.argument("photos")
@click.option("--cron", required=True, metavar="CRON", help="'0 2 * * *' is 02:00 daily.")
@click.option("--timezone", default="UTC", show_default=True, help="Time zone of --cron.")
@archive_option
@click.option("--model", metavar="PACK", help="Model pack: name, folder or s3:// URI.")
@job_options
def add(
    name: str,
    photos: str,
    cron: str,
    timezone: str,
    archive: str,
    model: str | None,
    **wishes: Any,
) -> int:
    """Take the roll of PHOTOS whenever CRON is due.

    The results of each run lie in the archive, under nights/NAME/DATE/.
    """
    when = Cron.parse(cron, timezone)
    if wishes["until"] and clock_of(wishes["until"]) is None:
        raise click.BadParameter("every run is to end by it: give a time such as 06:00", None, None)
    settings, s3 = load_settings(model=model), load_s3()
    place = archive_in(archive, s3)
    request = make_request(photos=photos, archive=place, settings=settings, **wishes)
    record = request.model_dump() | {
        "name": name,
        "created": now(),
        "cron": when.text,
        "timezone": timezone,
    }
    try:
        schedule = ScheduleRecord.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        raise FatalError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    check_expected(schedule, s3)
    add_schedule(open_archive(schedule.archive, s3), schedule)
    say(f"{name}: due next at {_local(when)}", err=True)
    return 0


def _local(when: Cron) -> str:
    coming = when.next(now())
    return f"{coming.astimezone(when.zone):%Y-%m-%d %H:%M %Z}" if coming else "never"


@command.command("list")
@archive_option
@json_option
def list_(archive: str, as_json: bool) -> int:
    """List the schedules of an archive."""
    found = list(states(existing_archive(archive, load_s3())))
    if as_json:
        say_json(json.dumps(found, indent=1))
        return 0
    for state in found:
        say(_line(state))
    if not found:
        say("no schedules", err=True)
    return 0


def _line(state: dict[str, Any]) -> str:
    when = Cron(state["cron"], state["timezone"])
    latest = state["latest"]
    last = f"last {latest['label']}, job {latest['job_id']}" if latest else "not begun yet"
    return (
        f"{state['name']}  {state['cron']} {state['timezone']}  {state['state']}  {last}  "
        f"next {_local(when)}  {state['photos']}"
    )


@command.command()
@click.argument("name")
@archive_option
def remove(name: str, archive: str) -> int:
    """Remove the schedule NAME; its runs and their results stay."""
    remove_schedule(existing_archive(archive, load_s3()), name)
    return 0


@command.command("run-now")
@click.argument("name")
@archive_option
def run_now(name: str, archive: str) -> int:
    """Begin the schedule NAME at once, due or not; prints the job id."""
    s3 = load_s3()
    store = existing_archive(archive, s3)
    say(Scheduler(store, settings=load_settings(), s3=s3).begin_now(name).job_id)
    return 0
