"""``headcount answers``: list, write or undo what people said of faces."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from headcount.answers.file import Form, written_lines
from headcount.answers.lines import Line
from headcount.answers.record import WHATS, Answer
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.people.answer import check_lines, record_checked
from orchestrator.people.contradictions import ALONE, saying
from orchestrator.people.listed import Listed, list_answers, present_ids
from orchestrator.people.written import written
from orchestrator.terminal import say, say_json, say_lines

STANDARD_OUTPUT = "-"


def check_since(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    """Read a date or time, UTC without an offset. Raises a usage error for one that is none."""
    if value is None:
        return None
    try:
        since = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no date: 2026-11-28", context, parameter) from error
    return since.replace(tzinfo=UTC) if since.tzinfo is None else since


@click.command()
@archive_option
@click.option("--person", metavar="NAME", help="Those about a person: a name, also an earlier one.")
@click.option("--what", "words", multiple=True, type=click.Choice(WHATS), help="Those of a word.")
@click.option("--pending", is_flag=True, help="Those that the latest results were made without.")
@click.option("--since", callback=check_since, metavar="DATE", help="Those said from then on.")
@click.option("--out", metavar="FILE", help="Write them, by face, as a file for `apply`; - prints.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), help="Of the file; else by its name."
)
@click.option("--undo", "undone", multiple=True, metavar="ID", help="Take an answer back.")
@json_option
def command(
    archive: str,
    person: str | None,
    words: tuple[str, ...],
    pending: bool,
    since: datetime | None,
    out: str | None,
    form: Form | None,
    undone: tuple[str, ...],
    as_json: bool,
) -> int:
    """List what people said of faces: what holds, what is overruled by what, what is pending.

    With --out they are written as a file for `apply`, every one by face, without those undone. With
    --undo the next run's results are as if that answer never was; undoing the undo brings it back.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    if undone:
        if person or words or pending or since or out:
            raise click.UsageError("--undo cannot be combined with filters or --out")
        return _undo(store, s3, undone)
    listed = list_answers(store, s3)
    ids = _ids_of(person, [one.answer for one in listed]) if person else None
    chosen = [
        one
        for one in listed
        if (not words or one.answer.what in words)
        and (not pending or one.pending)
        and (since is None or one.answer.at >= since)
        and (ids is None or not ids.isdisjoint((one.answer.person_id, one.answer.new_person_id)))
    ]
    if out is not None:
        return _write(store, s3, chosen, out, form)
    if as_json:
        say_json(json.dumps([one.as_dict() for one in chosen], indent=1, ensure_ascii=False))
    else:
        _show(chosen)
    return 0


def _undo(store: Store, s3: S3Settings, ids: Sequence[str]) -> int:
    """Take answers back, all or none."""
    checked = check_lines(store, [Line(ALONE, "undo", subject=" ".join(ids))], s3)
    record_checked(store, checked)
    if not checked.answers:
        say("undone already")
    for answer in checked.answers:
        say(f"{answer.undoes} is undone from the next run on (undo {answer.id})")
    return 0


def _ids_of(person: str, answers: Iterable[Answer]) -> set[str | None]:
    """All ids that a person has or had, given by an id or a name. Raises FatalError of nobody."""
    answers = list(answers)
    present = present_ids(one for one in answers if one.what == "rename")
    every = {i for one in answers for i in (one.person_id, one.new_person_id) if i}
    wanted = person if person in every else person_id(person)
    if wanted not in every:
        raise FatalError(f"no answer is about {person}: `headcount people` lists everybody")
    return {one for one in every if present(one) == present(wanted)}


def _write(
    store: Store, s3: S3Settings, chosen: Iterable[Listed], out: str, form: Form | None
) -> int:
    """Write answers that were not undone, and no undos, as a file for `apply`."""
    to_write = [
        (one.answer, one.members) for one in chosen if one.answer.what != "undo" and not one.undone
    ]
    found = written(store, s3, to_write)
    form = form or ("jsonl" if out.lower().endswith((".jsonl", ".ndjson")) else "csv")
    data = written_lines(found.lines, form)
    if found.left_out:
        say(
            f"{counted(found.left_out, 'face')} left out: their photos are gone, and no place of "
            "theirs was kept",
            err=True,
        )
    if out == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            say_lines(data.decode().splitlines())  # harmless there, whatever names hold
        else:
            sys.stdout.buffer.write(data)
        return 0
    try:
        Path(out).write_bytes(data)
    except OSError as error:
        raise FatalError(f"{out} cannot be written: {error.strerror}") from error
    say(f"{counted(len(to_write), 'answer')} in {counted(len(found.lines), 'line')}: {out}")
    return 0


def _show(chosen: Sequence[Listed]) -> None:
    for one in chosen:
        say(_line(one))
    waiting = sum(one.pending for one in chosen)
    say(f"{counted(len(chosen), 'answer')}, {waiting:,} pending" if chosen else "no answers")


def _line(one: Listed) -> str:
    """An answer in one line: id, date, what, about whom, where, and what became of it."""
    answer = one.answer
    about = [answer.photo, answer.cluster, answer.undoes and f"of {answer.undoes}"]
    alone = answer.faces[0].face_id if one.faces == 1 and answer.faces else ""
    faces = alone or (counted(one.faces, "face") if one.faces else "")
    state = f"{one.state} (by {', '.join(one.by)})" if one.by else one.state
    told = "  ".join(text for text in (saying(answer), *about, faces) if text)
    said_by = f"  said by {answer.by}" if answer.by else ""
    waits = ", pending" if one.pending else ""
    return f"{answer.id}  {answer.at:%Y-%m-%d %H:%M}  {told}{said_by}: {state}{waits}"
