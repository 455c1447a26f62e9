"""``headcount link``: say that two faces or clusters are one person, or two."""

from __future__ import annotations

from pathlib import Path

import click

from headcount.storage import Store
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, load_s3
from orchestrator.people.links import check_file, check_link, keep_link
from orchestrator.terminal import say


@click.command()
@click.argument("one", metavar="[FACE_OR_CLUSTER", required=False)
@click.argument("other", metavar="FACE_OR_CLUSTER]", required=False)
@click.option("--apart", is_flag=True, help="They are two people.")
@click.option(
    "--file",
    "pairs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read pairs from a CSV file: columns one, other, decision (together or apart).",
)
@archive_option
def command(
    one: str | None, other: str | None, apart: bool, pairs: Path | None, archive: str
) -> int:
    """Say that two faces are one person or, with --apart, two people; for every later run.

    A cluster stands for all the faces that it has now. Where two answers contradict each other the
    later one holds: --apart takes a link back. A file is recorded only if all its lines are good.
    """
    s3 = load_s3()
    if pairs is not None:
        if one or apart:
            raise click.UsageError("--file cannot be combined with faces or --apart")
        return _link_file(existing_archive(archive, s3), pairs)
    if one is None or other is None:
        raise click.UsageError("give two faces or clusters, or a --file of such pairs")
    store = existing_archive(archive, s3)
    keep_link(store, check_link(store, one, other, s3, apart=apart))
    say(f"{one} and {other} will be {'two people' if apart else 'one person'} from the next run on")
    return 0


def _link_file(store: Store, path: Path) -> int:
    links, known = check_file(store, path, load_s3())
    for link in links:
        keep_link(store, link)
    apart = sum(link.apart for link in links)
    say(
        f"{counted(len(links) - apart, 'pair')} will be one person, {apart:,} two people from the "
        f"next run on" + (f"; {known:,} were known already" if known else "")
    )
    return 0
