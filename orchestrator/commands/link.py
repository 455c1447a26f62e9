"""``headcount link``: faces, or whole clusters, are one person, or are not."""

from __future__ import annotations

import click

from headcount.storage import canonical_uri
from orchestrator.commands.options import archive_option, load_s3
from orchestrator.links import check_link, keep_link
from orchestrator.submit import open_archive


@click.command()
@click.argument("one", metavar="FACE_OR_CLUSTER")
@click.argument("other", metavar="FACE_OR_CLUSTER")
@click.option("--apart", is_flag=True, help="They are two people.")
@archive_option
def command(one: str, other: str, apart: bool, archive: str) -> int:
    """Say that two faces are one person, or with --apart that they are not; for every later run.

    A cluster stands for all the faces that it has now. Of decisions that contradict each other the
    latest holds: --apart takes back that two clusters were linked.
    """
    s3 = load_s3()
    store = open_archive(canonical_uri(archive), s3)
    keep_link(store, check_link(store, one, other, s3, apart=apart))
    click.echo(
        f"{one} and {other} will be {'two people' if apart else 'one person'} from the next run on"
    )
    return 0
