"""``headcount rematch``: match and cluster the faces of an archive anew; no photo is read."""

from __future__ import annotations

from typing import Any

import click

from headcount.contract.stored.jobs import TABLE_FORMATS, JobSpec
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from orchestrator.commands.options import (
    archive_option,
    existing_archive,
    load_s3,
    load_settings,
)
from orchestrator.commands.packs import find_pack
from orchestrator.commands.run import drive_here
from orchestrator.jobs.rematch import (
    interrupted_rematch,
    latest_of,
    matched_collections,
    rematch_spec,
    submit_rematch,
)
from orchestrator.people.latest_assignments import active_pack
from orchestrator.terminal import say


@click.command()
@click.argument("photos", required=False)
@archive_option
@click.option("--out", metavar="URI", help="Where the results go.  [default: in the archive]")
@click.option(
    "--model", metavar="PACK", help="A pack of the archive: name or id.  [default: the one in use]"
)
@click.option("--expected", metavar="FILE", help="A roster, CSV or XLSX: who is expected where.")
@click.option("--no-expected", is_flag=True, help="Without the roster of the latest job.")
@click.option(
    "--priority",
    type=click.Choice(["low", "normal", "high"]),
    help="Share of the workers, relative to other jobs: 1, 3 or 9 parts.",
)
@click.option(
    "--false-positives",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of strangers that may be matched to an enrolled person.",
)
@click.option(
    "--purity",
    type=click.FloatRange(0, 1),
    help="Clusters: 1 for few wrong merges, 0 for few split people.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(TABLE_FORMATS),
    help="Further formats of the result tables; may be given again.",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of one worker.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Worker processes to start (where no broker is set).",
)
@click.option(
    "--detach", is_flag=True, help="Leave the work to the `headcount supervise` that runs."
)
def command(
    photos: str | None,
    archive: str,
    expected: str | None,
    no_expected: bool,
    threads: int | None,
    workers: int,
    detach: bool,
    **wishes: Any,
) -> int:
    """Match and cluster the faces of PHOTOS anew, as the archive has them, with today's answers.

    No photo is read, but those with faces newly drawn by hand; others may be out of reach. The
    report has no pictures. PHOTOS may be left out where the archive has one collection. What is not
    said is as in its latest job.

    Starts a broker and a worker of its own, as `run` does, or uses HEADCOUNT_BROKER_URL.
    """
    if expected and no_expected:
        raise click.UsageError("--expected and --no-expected exclude each other")
    settings, s3 = load_settings(threads=threads), load_s3()
    store = existing_archive(archive, s3)
    roster = "" if no_expected else expected
    spec, begun = begin_rematch(store, s3, photos=photos, expected=roster, **wishes)
    if detach:
        say(spec.job_id)
        return 0
    if begun:
        say(f"going on with job {spec.job_id}, which was interrupted", err=True)
    return drive_here(store, spec.job_id, settings, s3, workers, rematch=True)


def rematch_all(store: Store, settings: Settings, s3: S3Settings, **wishes: Any) -> int:
    """Rematch every collection of an archive in this process, as `run` does; print the summaries.

    They share the gallery: a name given in one may be found in all. ``wishes`` are the arguments
    of rematch_spec. Returns the exit code, 3 where that of any collection is.
    """
    found: list[str | None] = [*sorted(matched_collections(store, active_pack(store).pack_id))]
    codes = []
    for photos in found or [None]:  # without any it is said that there is none
        if len(found) > 1:
            say(f"{photos}:")
        spec, _ = begin_rematch(store, s3, photos=photos, **wishes)
        codes.append(drive_here(store, spec.job_id, settings, s3, rematch=True))
    return max(codes)


def begin_rematch(
    store: Store,
    s3: S3Settings,
    *,
    photos: str | None = None,
    model: str | None = None,
    **wishes: Any,
) -> tuple[JobSpec, bool]:
    """Submit a rematch, or find the same one that was interrupted; tells which of both it is."""
    active = active_pack(store).pack_id
    pack_id = find_pack(store, model).pack_id if model else active
    latest = latest_of(store, pack_id, photos)
    spec = rematch_spec(store, latest, pack_id, beside=pack_id != active, **wishes)
    if earlier := interrupted_rematch(store, spec):
        return spec.model_copy(update={"job_id": earlier}), True
    submit_rematch(store, spec, latest, s3)
    return spec, False
