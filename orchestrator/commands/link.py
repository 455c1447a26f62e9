"""``headcount link``: two faces, or clusters, are one person, or are not."""

from __future__ import annotations

import click

from headcount import audit, decisions
from headcount.errors import FatalError
from headcount.storage import canonical_uri
from orchestrator.commands.options import archive_option, load_s3
from orchestrator.said import find_faces, marks
from orchestrator.submit import open_archive


@click.command()
@click.argument("one", metavar="FACE_OR_CLUSTER")
@click.argument("other", metavar="FACE_OR_CLUSTER")
@click.option("--apart", is_flag=True, help="They are two people.")
@archive_option
def command(one: str, other: str, apart: bool, archive: str) -> int:
    """Say that two faces are one person, or with --apart that they are not; for every later run.

    A cluster stands for its best face. Of decisions that contradict each other the latest holds.
    """
    s3 = load_s3()
    store = open_archive(canonical_uri(archive), s3)
    pointed = [find_faces(store, what) for what in (one, other)]
    chosen = tuple(mark for faces in pointed for mark in marks(store, faces, s3, best=1))
    if len({mark.face_id for mark in chosen}) != 2:
        raise FatalError(f"{one} and {other} are not two faces that can be judged")
    if pointed[0].said.collection != pointed[1].said.collection:
        raise FatalError(f"{one} and {other} are faces of two collections")
    clusters = [faces.cluster_id or "" for faces in pointed]
    audit.record(store, "split" if apart else "merge", clusters[0], other=clusters[1])
    decisions.decide(store, "different" if apart else "same", chosen, source=pointed[0].said.uri)
    click.echo(
        f"{one} and {other} will be {'two people' if apart else 'one person'} from the next run on"
    )
    return 0
