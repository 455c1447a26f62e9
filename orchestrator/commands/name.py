"""``headcount name``: say who a cluster or a face is."""

from __future__ import annotations

from collections.abc import Iterable

import click
import pyarrow as pa

from headcount.answers.lines import Line, Target
from headcount.answers.record import Answer
from headcount.contract.layout import PackKeys
from headcount.contract.vocabulary import name_fault, person_name
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import quoted
from headcount.tables.table import Table
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, load_s3
from orchestrator.people.answer import Checked, check_lines, record_checked
from orchestrator.people.contradictions import ALONE
from orchestrator.people.latest_assignments import LatestAssignments, active_pack, read_latest
from orchestrator.people.stored_faces import rows_in
from orchestrator.terminal import say, say_lines


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
    and embeds no photo again. `apply` takes many such answers from a file.
    """
    name, s3 = person_name(name), load_s3()
    if fault := name_fault(name):
        raise FatalError(fault)
    store = existing_archive(archive, s3)
    among = list(read_latest(store))
    line = Line(ALONE, "name", ((Target(cluster),),), person=name)
    checked = check_lines(store, [line], s3, among=among)
    if not checked.answers:
        say(f"{cluster} has the name {name} already")
        return 0
    [answer] = checked.answers
    if not any(mark.reference for mark in answer.faces):
        raise FatalError(f"no face of {cluster} is good enough to be a reference")
    rows = _rows(answer, among)
    rivals = _rivals(store, answer, rows, s3)
    record_checked(store, checked)
    _tell(cluster, answer, checked, rivals, len(set(rows["face_id"].to_pylist())))
    return 0


def _tell(
    cluster: str, answer: Answer, checked: Checked, rivals: Iterable[str], faces: int
) -> None:
    """Say what was recorded, and what there is to look at."""
    for rival in rivals:
        say(
            f"its faces were matched to {rival} so far, who keeps other references: if that is "
            f"wrong, say so with a line `not,{cluster},{rival}` of `headcount apply`, or correct "
            "the people folder",
            err=True,
        )
    say_lines([*(note.words for note in checked.warnings), *checked.contradictions], err=True)
    chosen = len(answer.faces)
    also = f", and all {faces:,} will have the name" if chosen < faces else ""
    say(
        f"{faces_phrase(chosen, faces)} will be references of {answer.person} "
        f"({answer.person_id}) from the next run on{also}"
    )


def _rows(answer: Answer, among: Iterable[LatestAssignments]) -> pa.Table:
    """The latest assignments of the faces that an answer means."""
    latest = next(one for one in among if one.uri == answer.source)
    if answer.cluster:
        return rows_in(latest.assignments, "cluster_id", [answer.cluster])
    return rows_in(latest.assignments, "face_id", [mark.face_id for mark in answer.faces])


def _rivals(store: Store, answer: Answer, rows: pa.Table, s3: S3Settings) -> list[str]:
    """Names of the other people these faces are assigned to now who keep further references."""
    names = dict(zip(*(rows[c].to_pylist() for c in ("person_id", "person")), strict=True))
    taken = {mark.face_id for mark in answer.faces}
    gallery = Table(store.uri, PackKeys(active_pack(store).pack_id).gallery, s3)
    others = sorted(known for known in names if known not in (None, answer.person_id))
    return [
        names[known]
        for known in others
        if set(gallery.read(["etag"], where=f"person_id = {quoted(known)}")["etag"].to_pylist())
        - taken
    ]
