"""``headcount reject``: say who a face, or every face of a cluster, is not."""

from __future__ import annotations

import click

from headcount import audit
from headcount.answers.kept import record_answer
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, load_s3
from orchestrator.people.latest_assignments import find_faces, find_person, marks
from orchestrator.terminal import say


@click.command()
@click.argument("what", metavar="FACE_OR_CLUSTER")
@click.argument("person")
@archive_option
def command(what: str, person: str, archive: str) -> int:
    """Say that a face, or every face of a cluster, is not PERSON (a name or a person's id).

    No later run gives it that name, by match or by cluster, until `headcount name` does.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    found = find_person(store, person, s3)
    selected = find_faces(store, what)
    rejected = marks(store, selected, s3)
    audit.record(store, "reject", found[0], faces=len(rejected))
    record_answer(store, "not", rejected, person=found, source=selected.latest.uri)
    say(
        f"{counted(len(rejected), 'face')} will not be {found[1]} ({found[0]}) from the next run on"
    )
    return 0
