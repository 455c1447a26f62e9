"""``headcount name``: say who a cluster or a face is."""

from __future__ import annotations

from collections.abc import Iterable

import click
import pyarrow as pa
import pyarrow.compute as pc

from headcount import audit
from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark
from headcount.contract.forgotten import require_not_forgotten
from headcount.contract.vocabulary import name_fault, names_alike, person_id, person_name
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import quoted
from headcount.tables.table import Table
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, load_s3
from orchestrator.people.latest_assignments import Selection, find_faces, marks, people_of
from orchestrator.terminal import say

BEST = 5
"""Faces of a cluster that become references."""


def faces_phrase(chosen: int, faces: int) -> str:
    """Count of a cluster's chosen faces in words: 1 face, all 4 faces, 5 of its 10 faces."""
    if chosen == faces:
        return f"all {faces:,} faces" if faces > 1 else "1 face"
    return f"{chosen:,} of its {counted(faces, 'face')}"


@click.command()
@click.argument("cluster")
@click.argument("name")
@archive_option
def command(cluster: str, name: str, archive: str) -> int:
    """Say that CLUSTER (or a face) is the person NAME.

    All faces that the cluster has now get the name, whatever they look like. Its best faces become
    references of that person, with the embeddings that the archive has: the next run matches anew
    and embeds no photo again.
    """
    name, s3 = person_name(name), load_s3()
    if fault := name_fault(name):
        raise FatalError(fault)
    store = existing_archive(archive, s3)
    person = person_id(name)
    require_not_forgotten(store, person, name)
    selected = find_faces(store, cluster)
    chosen = marks(store, selected, s3, best=BEST)
    if not chosen:
        raise FatalError(f"no face of {cluster} is good enough to be a reference")
    audit.record(store, "name", person, cluster=selected.cluster_id or "")
    whole = cluster not in selected.face_ids
    record_answer(
        store,
        "name",
        chosen,
        person=(person, name),
        source=selected.latest.uri,
        cluster=selected.cluster_id if whole else None,
        job_id=selected.latest.job_id,
    )
    for rival in _rivals(store, selected, chosen, person, s3):
        say(
            f"its faces were matched to {rival} so far, who keeps other references: if that is "
            f'wrong, run `headcount reject {cluster} "{rival}"` too, or correct the people folder',
            err=True,
        )
    for alike in names_alike([name, *people_of(store, s3).values()]):
        if name in alike:
            say(f"these names differ by case only: {', '.join(alike)}", err=True)
    faces = len(selected.face_ids)
    also = f", and all {faces:,} will have the name" if len(chosen) < faces else ""
    say(
        f"{faces_phrase(len(chosen), faces)} will be "
        f"references of {name} ({person}) from the next run on{also}"
    )
    return 0


def _rivals(
    store: Store, selected: Selection, chosen: Iterable[FaceMark], person: str, s3: S3Settings
) -> list[str]:
    """Names of the other people these faces are assigned to now who keep further references."""
    inside = selected.latest.assignments.filter(
        pc.is_in(selected.latest.assignments["face_id"], pa.array(selected.face_ids, pa.string()))
    )
    names = dict(zip(*(inside[c].to_pylist() for c in ("person_id", "person")), strict=True))
    taken = {mark.face_id for mark in chosen}
    gallery = Table(store.uri, selected.latest.keys.gallery, s3)
    others = sorted(known for known in names if known not in (None, person))
    return [
        names[known]
        for known in others
        if set(gallery.read(["etag"], where=f"person_id = {quoted(known)}")["etag"].to_pylist())
        - taken
    ]
