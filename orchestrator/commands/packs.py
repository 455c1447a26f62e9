"""``headcount packs``: list an archive's model packs, choose the one in use, drop others."""

from __future__ import annotations

import json

import click

from headcount import audit
from headcount.answers.renames import Renames
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import read_record
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice, PackRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.sums import unite
from headcount.tables.table import Table
from orchestrator.archive.catalogue import committed_jobs, refuse_half_commits, require_idle
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.people.latest_assignments import active_pack, pack_ids
from orchestrator.terminal import say, say_json

NAMED = 5
"""People named in a message, at most."""


@click.group()
def command() -> None:
    """List the model packs of an archive, choose the one in use, drop one.

    `headcount run --model PACK --beside` embeds with another pack beside the one in use. Vectors
    of different packs are never compared; cluster ids and names carry over from face to face.
    """


@command.command(name="list")
@archive_option
@json_option
def list_(archive: str, as_json: bool) -> int:
    """List the packs with their numbers of photos, faces and references; * marks the one in use."""
    s3 = load_s3()
    store = existing_archive(archive, s3)
    active = active_pack(store).pack_id
    rows = [_row(store, pack_id, s3) | {"used": pack_id == active} for pack_id in pack_ids(store)]
    if as_json:
        say_json(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        say(
            f"{'*' if row['used'] else ' '} {row['pack_id']}  {row['photos']:>9,} photos  "
            f"{row['faces']:>9,} faces  {row['references']:>7,} references  {row['name']}"
        )
    return 0


def _row(store: Store, pack_id: str, s3: S3Settings) -> dict[str, str | int]:
    keys = PackKeys(pack_id)
    tables = {"photos": keys.photos, "faces": keys.faces, "references": keys.gallery}
    counts = {name: Table(store.uri, key, s3) for name, key in tables.items()}
    return {
        "pack_id": pack_id,
        "name": read_record(store, keys.record, PackRecord).name,
        **{name: table.count() if table.exists() else 0 for name, table in counts.items()},
    }


_lose_names = click.option(
    "--lose-names",
    is_flag=True,
    help="Go on even if people have no reference in the pack that is in use afterwards.",
)


@command.command()
@click.argument("pack")
@_lose_names
@archive_option
def use(pack: str, lose_names: bool, archive: str) -> int:
    """Make PACK (an id or a name) the archive's pack in use: runs need no --beside for it."""
    s3 = load_s3()
    store = existing_archive(archive, s3)
    record = find_pack(store, pack)
    require_idle(store, purpose="first")
    if not Table(store.uri, PackKeys(record.pack_id).photos, s3).count():
        raise FatalError(f"{record.name} has no photos in {store.uri}: run with --beside first")
    if not lose_names:
        _refuse_lost_names(store, active_pack(store).pack_id, record, s3)
    before = read_record(store, ARCHIVE, ArchiveRecord)
    choice = ModelChoice(name=record.name, pack_id=record.pack_id)
    audit.record(store, "use", record.pack_id)
    store.put(ARCHIVE, before.model_copy(update={"model": choice}).to_bytes())
    say(f"{store.uri} now uses {record.name} ({record.pack_id})")
    return 0


@command.command()
@click.argument("pack")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_lose_names
@archive_option
def drop(pack: str, yes: bool, lose_names: bool, archive: str) -> int:
    """Remove everything that PACK made: its faces, vectors, references and assignments."""
    s3 = load_s3()
    store = existing_archive(archive, s3)
    record = find_pack(store, pack)
    active = active_pack(store).pack_id
    if record.pack_id == active:
        raise FatalError(f"{record.name} is the pack in use: `headcount packs use` another first")
    if not lose_names:
        stays = read_record(store, PackKeys(active).record, PackRecord)
        _refuse_lost_names(store, record.pack_id, stays, s3)
    if not yes:
        click.confirm(
            f"Remove all that {record.name} ({record.pack_id}) made in {store.uri}?",
            abort=True,
            err=True,
        )
    require_idle(store, purpose="first")
    refuse_half_commits(store)  # nobody could complete one without its tables
    audit.record(store, "drop", record.pack_id)
    _forget_versions(store, record.pack_id)
    keys = PackKeys(record.pack_id)
    for info in sorted(store.list(keys.root), key=lambda info: info.key == keys.record):
        store.delete(info.key)  # the record last: until then the drop can be repeated
    unite(store, without=keys.root)
    say(f"dropped {record.name} ({record.pack_id})")
    return 0


def _forget_versions(store: Store, pack_id: str) -> None:
    """Delete the pack's kept versions: tables made anew would have the same version numbers."""
    for job_id in committed_jobs(store, pack_id):
        store.delete(JobKeys(job_id).commit)


def _refuse_lost_names(store: Store, pack_id: str, stays: PackRecord, s3: S3Settings) -> None:
    """Raise FatalError where people of a pack have no reference in the pack that ``stays``."""
    there, here = (_enrolled(store, pack, s3) for pack in (pack_id, stays.pack_id))
    lost = sorted(name for person, name in there.items() if person not in here)
    if lost:
        more = f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else ""
        raise FatalError(
            f"{stays.name} has no reference of {', '.join(lost[:NAMED])}{more}: embed the photos "
            f"with it first (`headcount run PHOTOS --model {stays.name} --beside`, with --people "
            "where they come from a folder), or say --lose-names"
        )


def _enrolled(store: Store, pack_id: str, s3: S3Settings) -> dict[str, str]:
    """Names of the people in a pack's gallery, by person id."""
    gallery = Table(store.uri, PackKeys(pack_id).gallery, s3)
    rows = gallery.read(["person_id", "person"]).to_pylist() if gallery.exists() else []
    renames = Renames.of_archive(store)
    return {who: name or "" for who, name in (renames.now(*row.values()) for row in rows)}


def find_pack(store: Store, pack: str) -> PackRecord:
    """The pack with this id or name. Raises FatalError unless there is exactly one."""
    records = [read_record(store, PackKeys(p).record, PackRecord) for p in pack_ids(store)]
    meant = [r for r in records if pack in (r.pack_id, r.name)]
    if len(meant) != 1:
        known = ", ".join(f"{r.name} ({r.pack_id})" for r in records)
        raise FatalError(f"{len(meant)} packs called {pack} in {store.uri}; it has {known}")
    return meant[0]
