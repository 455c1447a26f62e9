"""``headcount verify``: check every file of an archive against its SHA-256."""

from __future__ import annotations

import json

import click

from headcount.contract.layout import PACKS, PackKeys
from headcount.errors import FatalError
from headcount.storage import Store
from headcount.tables.sums import record_sums
from headcount.text import counted
from orchestrator.archive.drop_damaged import drop_damaged
from orchestrator.archive.verify import Finding, Verified, verify
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.console.summary import DONE
from orchestrator.terminal import say, say_json

DAMAGED = 1


@click.command()
@archive_option
@click.option("--record", is_flag=True, help="First record the sums of tables that have none yet.")
@click.option(
    "--drop-damaged",
    "drop",
    is_flag=True,
    help="Take the rows of damaged files out; the next run embeds these photos anew.",
)
@json_option
def command(archive: str, record: bool, drop: bool, as_json: bool) -> int:
    """Read every file of the archive and name those that have changed or are missing.

    Beside each stands what to do. Results are not checked: they are yours. The exit code is 1
    where something is wrong.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    if record:
        new = sum(record_sums(store, PackKeys(pack), s3) for pack in store.folders(PACKS))
        say(f"{counted(new, 'file')} got a sum", err=True)
    found, findings = verify(store, s3)
    if as_json:
        say_json(json.dumps(_report(found, findings), indent=1))
    else:
        _print(store, found, findings)
    if drop and findings:
        _drop(store, findings)
    return DAMAGED if findings else DONE


def _report(found: Verified, findings: list[Finding]) -> dict[str, object]:
    """What was found, for programs."""
    return {
        "checked": found.checked,
        "without_sum": found.unknown,
        "wrong": [{"key": f.key, "kind": f.kind, "remedy": f.remedy} for f in findings],
    }


def _print(store: Store, found: Verified, findings: list[Finding]) -> None:
    for finding in findings:
        say(f"{finding.kind}: {store.uri}{finding.key}")
        say(f"  {finding.remedy}")
    say(f"{counted(found.checked, 'file')} checked, {len(findings):,} damaged or missing")
    if found.unknown:
        say(
            f"{counted(found.unknown, 'file')} of an earlier build have no sum: those of tables "
            "get one by `headcount verify --record` or the next job, others when they are written"
        )


def _drop(store: Store, findings: list[Finding]) -> None:
    keys = {finding.key for finding in findings if ".lance/data/" in finding.key}
    if not keys:
        raise FatalError("no damaged file holds rows of a table: nothing can be dropped")
    removed = drop_damaged(store, keys, load_s3())
    say(f"{counted(removed['photos'], 'photo')} will be embedded anew by the next run", err=True)
