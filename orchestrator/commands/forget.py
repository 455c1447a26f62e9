"""``headcount forget``: remove a person from an archive and its results, with a receipt."""

from __future__ import annotations

import click

from headcount.contract.forgotten import tombstone_key
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.console.summary import DONE, WITH_FAILURES, readable
from orchestrator.people.forget.run import forget, remember
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--undo", is_flag=True, help="Let PERSON be enrolled again; brings nothing back.")
@archive_option
@json_option
def command(person: str, yes: bool, undo: bool, archive: str, as_json: bool) -> int:
    """Remove PERSON (a name or a person's id) for good: vectors, faces, pictures, names.

    Later runs don't bring the person back, even if the people folder still holds photos of them.
    Earlier versions of the archive are removed too, so no rollback goes back beyond this. The exit
    code is 3 if results of an earlier job are out of reach: they are named, and yours to remove.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    if undo:
        known = remember(store, person, s3)
        say(f"{known} may be enrolled again")
        return 0
    if not yes:
        click.confirm(
            f"Remove {person} from {store.uri} and its results, and every earlier version of the "
            "archive? This cannot be undone",
            abort=True,
            err=True,
        )
    receipt = forget(store, person, s3)
    for place in receipt.unreached:
        say(
            f"not reached, the person may still be there: {readable(place.uri)} ({place.reason})",
            err=True,
        )
    code = WITH_FAILURES if receipt.unreached else DONE
    if as_json:
        say_json(receipt.model_dump_json(exclude={"places"}, indent=1))
        return code
    for what, number in receipt.removed.items():
        say(f"{number:>8,}  {what}")
    say(f"forgotten: {receipt.person_id}; receipt: {tombstone_key(receipt.person_id)}")
    return code
