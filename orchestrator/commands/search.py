"""``headcount search``: find every photo of an archive with the person in a photo."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

import click

from headcount import audit
from headcount.contract.vocabulary import person_id
from headcount.storage import Store
from headcount.text import cosine_text, counted
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    json_option,
    load_s3,
    load_settings,
    model_options,
)
from orchestrator.commands.worker import environment_of, run_tool
from orchestrator.jobs.submit import canonical_object
from orchestrator.people.latest_assignments import people_of
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("photo", required=False)
@archive_option
@click.option("--face", type=click.IntRange(min=1), help="Search for the N-th face from the left.")
@click.option("--at-least", type=click.FloatRange(-1, 1), help="Lowest cosine of a hit.")
@click.option("--build-index", is_flag=True, help="Index the faces: for many millions of them.")
@model_options
@json_option
def command(
    photo: str | None,
    archive: str,
    face: int | None,
    at_least: float | None,
    build_index: bool,
    model: str | None,
    provider: str | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Find the photos with the person in PHOTO, the most similar first.

    Then come photos with faces that the latest runs put into the same cluster or gave the same
    name. PHOTO is a path or an s3:// URI; it is not kept. A search leaves a line in the audit log,
    where it may write there.
    """
    settings = load_settings(model=model, provider=provider, threads=threads)
    store = existing_archive(archive, load_s3())
    if build_index:
        done = run_tool("index", store.uri, environment=environment_of(settings))
        faces = counted(done["faces"], "face")
        say(f"{done['indexed']:,} of {faces} are in the index", err=True)
    if photo is None:
        if build_index:
            return 0
        raise click.UsageError("give a photo of the person to search for")
    _refuse_name(store, photo)
    source = canonical_object(photo)
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    if not audit.record_reading(store, "search", f"photo-{digest}"):
        say("not in the audit log: this account may not write to the archive", err=True)
    more = [] if face is None else ["--face", str(face)]
    more += [] if at_least is None else ["--at-least", str(at_least)]
    found = run_tool("search", store.uri, source, *more, environment=environment_of(settings))
    if as_json:
        say_json(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _tell(found)
    return 0


def _refuse_name(store: Store, photo: str) -> None:
    """Raise a usage error where a person's name or id was given in place of a photo."""
    if "://" in photo or Path(photo).exists():
        return
    known = people_of(store, load_s3())
    person = photo if photo in known else person_id(photo)
    if person in known:
        raise click.UsageError(
            f"{photo} is a person of this archive and no photo: `headcount people {quote(photo)}` "
            "lists that person's photos"
        )


def _tell(found: dict[str, Any]) -> None:
    """Print the photos that were found, and how many there are of each kind."""
    for row in found["found"]:
        who = row["person"] or row["cluster_id"] or "-"
        cosine = cosine_text(row["similarity"], found["threshold"])
        say(f"{cosine:<6}  {row['photo']}  {who}{_way(row['by'])}")
    alike = sum(row["by"] == "similarity" for row in found["found"])
    more = len(found["found"]) - alike
    nearest = min(
        (r["similarity"] for r in found["found"]), key=_from(found["threshold"]), default=None
    )
    say(
        f"{counted(alike, 'photo')} at cosine {cosine_text(found['threshold'], nearest)} or more"
        + (f", {more} more by cluster or name" if more else ""),
        err=True,
    )


def _from(threshold: float) -> Callable[[float], float]:
    """Sort key: the distance from a threshold."""
    return lambda value: abs(value - threshold)


def _way(by: str) -> str:
    return "" if by == "similarity" else f"  (by {by})"
