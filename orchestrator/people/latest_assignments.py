"""Assignments of an archive's jobs, the latest of each collection, and faces by id in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.claims import Claims, Said
from headcount.answers.kept import holding, read_answers
from headcount.answers.places import MarkIds
from headcount.answers.record import Answer, FaceMark, with_faces
from headcount.answers.renames import Renames
from headcount.assignments import history
from headcount.assignments.expectations import read_expectations
from headcount.assignments.moment import cluster_faces
from headcount.collections.photos import collection_id
from headcount.contract.frames import UNKNOWN, Frame
from headcount.contract.layout import ARCHIVE, PACKS, PREPARE, JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.table import Table
from orchestrator.archive.catalogue import job_ids, undone_jobs
from orchestrator.people.short_ids import full_person_id


@dataclass(frozen=True, slots=True)
class LatestAssignments:
    """The assignments of one collection's latest job under one pack."""

    keys: PackKeys
    collection: str
    job_id: str
    uri: str
    assignments: pa.Table


def active_pack(store: Store) -> ModelChoice:
    """The pack that an archive uses. Raises FatalError where no job has run yet."""
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        raise FatalError(f"{store.uri} is no archive yet: `headcount run` makes one")
    return record.model


def read_latest(store: Store, keys: PackKeys | None = None) -> Iterator[LatestAssignments]:
    """Yield the latest assignments of every collection, under the archive's pack by default."""
    keys = keys or PackKeys(active_pack(store).pack_id)
    for collection in history.collections_of(store, keys):
        job_id = history.latest_job(store, keys, collection)
        if job_id is not None:
            spec = find_record(store, JobKeys(job_id).spec, JobSpec)
            assignments = history.read_assignments(store, keys, collection, job_id)
            yield LatestAssignments(
                keys, collection, job_id, (spec.photos if spec else None) or "", assignments
            )


def find_assignments(store: Store, job_id: str) -> tuple[str, PackKeys]:
    """Collection and pack of a job whose assignments are kept. Raises FatalError where not."""
    spec = find_record(store, JobKeys(job_id).spec, JobSpec)
    if spec is None or spec.photos is None:
        raise FatalError(f"no job {job_id} with photos in {store.uri}: `headcount jobs` lists them")
    prepared = find_record(store, JobKeys(job_id).done(PREPARE), DoneMarker)
    if prepared is not None and prepared.pack is not None:
        keys = PackKeys(prepared.pack.pack_id)
        if job_id in history.job_ids(store, keys.assignment_folder(collection_id(spec.photos))):
            return spec.photos, keys
    raise FatalError(
        f"job {job_id} has no assignments: it did not end, was rolled back, was pruned, or is "
        f"older than the last {history.KEPT} jobs of its collection"
    )


def assignments_of(store: Store, job_id: str) -> tuple[str, pa.Table]:
    """Collection and assignments of a job. Raises FatalError where they are not kept."""
    photos, keys = find_assignments(store, job_id)
    return photos, history.read_assignments(store, keys, collection_id(photos), job_id)


def expectations_of(store: Store, job_id: str) -> pa.Table:
    """What became of a job's expectations. Raises FatalError where its assignments are not kept."""
    photos, keys = find_assignments(store, job_id)
    return read_expectations(store, keys, collection_id(photos), job_id)


def finished_jobs(store: Store) -> list[str]:
    """Ids of the jobs with photos that are done and not undone, in the order they ended."""
    ends: list[tuple[datetime, str]] = []
    undone = undone_jobs(store)
    for job_id in job_ids(store):
        if job_id in undone:
            continue
        finished = find_record(store, JobKeys(job_id).finished, FinishedRecord)
        spec = find_record(store, JobKeys(job_id).spec, JobSpec)
        if finished and finished.state == "done" and spec and spec.photos:
            ends.append((finished.finished, job_id))
    return [job_id for _, job_id in sorted(ends)]


def find_person(store: Store, person: str, s3: S3Settings) -> tuple[str, str | None]:
    """Id and name of a person given by either. Raises FatalError where there is nobody."""
    known = people_of(store, s3)
    meant = full_person_id(person, known)
    wanted = meant if meant in known else person_id(person)
    if wanted not in known:
        raise FatalError(f"nobody called {person} in {store.uri}: `headcount people` lists them")
    return wanted, known[wanted]


def people_of(
    store: Store, s3: S3Settings, among: Sequence[LatestAssignments] = ()
) -> dict[str, str]:
    """Names by person id of everybody in an archive's answers, galleries and assignments.

    ``among``: the latest assignments under a pack, if they were read already.
    """
    read = among[0].keys if among else None
    answers = read_answers(store)
    known = {a.person_id: a.person for a in answers if a.person_id and a.person}
    known |= {a.new_person_id: a.new_person for a in answers if a.new_person_id and a.new_person}
    for pack_id in pack_ids(store):
        keys = PackKeys(pack_id)
        gallery = Table(store.uri, keys.gallery, s3)
        if gallery.exists():
            known |= _names(gallery.read(["person_id", "person"]))
        for latest in among if keys == read else read_latest(store, keys):
            known |= _names(latest.assignments)
    return known


def named_by_hand(store: Store, person: str) -> dict[str, FaceMark]:
    """Faces that people's answers say are this person, by id, whatever the person was called."""
    return {mark.face_id: mark for mark in marks_by_hand(store, person) if mark.face_id}


def marks_by_hand(store: Store, person: str) -> list[FaceMark]:
    """Marks of the faces that people's answers say are this person, whatever they were called.

    They are those that a run names by the same answers. Faces that are known by their places alone
    are among them, such as those drawn by hand.
    """
    answers = list(_with_clusters(store))
    renames = Renames.of(answers)
    ids = MarkIds(mark for answer in answers for mark in answer.faces)
    marked: dict[str, FaceMark] = {}
    for answer in answers:
        for mark in answer.faces:
            face = ids.of(mark)
            if mark.content or face not in marked:
                marked[face] = mark
    said = [_said(renames.applied(answer), ids) for answer in answers]
    photo_of = {face: mark.content for face, mark in marked.items() if mark.content}
    wanted, _ = renames.now(person, None)
    names = Claims.of(said, photo_of).names
    return [marked[face] for face, named in names.items() if named == wanted]


def _said(answer: Answer, ids: MarkIds) -> Said:
    def faces(chosen: Callable[[FaceMark], bool]) -> list[str]:
        return list(dict.fromkeys(ids.of(mark) for mark in answer.faces if chosen(mark)))

    return Said(
        answer,
        faces(lambda mark: mark.side != 1),
        faces(lambda mark: mark.side == 1),
        faces(lambda mark: mark.side != 1 and mark.reference),
    )


def _with_clusters(store: Store) -> Iterator[Answer]:
    """Yield all answers, oldest first, with marks by id of all faces that named clusters had."""
    answers = holding(read_answers(store))
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        yield from answers
        return
    clusters = cluster_faces(store, PackKeys(record.model.pack_id), [a.moment for a in answers])
    yield from map(with_faces, answers, clusters)


def _names(rows: pa.Table) -> dict[str, str]:
    """Names by person id, each person's last one; no Python object per row."""
    rows = rows.select(["person_id", "person"]).filter(pc.greater(rows["person_id"], ""))
    last = rows.group_by("person_id", use_threads=False).aggregate([("person", "last")])
    return dict(zip(last["person_id"].to_pylist(), last["person_last"].to_pylist(), strict=True))


def pack_ids(store: Store) -> list[str]:
    """Ids of the packs that an archive has tables of."""
    folders = store.folders(PACKS)
    return [pack for pack in folders if any(store.list(PackKeys(pack).record))]


@dataclass(frozen=True, slots=True)
class Selection:
    """Faces given by a face id or a cluster id, with the assignments they are in."""

    latest: LatestAssignments
    face_ids: tuple[str, ...]
    cluster_id: str | None
    """The given cluster, or the one that the given face is in."""


def find_faces(
    store: Store, what: str, among: Iterable[LatestAssignments] | None = None
) -> Selection:
    """Faces of a face id or a cluster id. Raises FatalError where there are none.

    The id of a cluster that was absorbed stands for the one that absorbed it. ``among``: the
    latest assignments, if they were read already.
    """
    for latest in read_latest(store) if among is None else among:
        ids, clusters = latest.assignments["face_id"], latest.assignments["cluster_id"]
        at = pc.index(ids, what).as_py()
        if at >= 0:
            return Selection(latest, (what,), clusters[at].as_py())
        cluster: str | None = what
        if pc.index(clusters, what).as_py() < 0:
            lineage = history.read_lineage(store, latest.keys, latest.collection)
            lineage = lineage.filter(pc.equal(lineage["change"], "absorbed"))
            heirs = pc.unique(lineage["cluster_id"])
            alive = heirs.filter(pc.is_in(heirs, value_set=clusters.combine_chunks()))
            cluster = history.heir(what, set(alive.to_pylist()), lineage)
        if cluster is not None:
            inside = latest.assignments.filter(pc.equal(latest.assignments["cluster_id"], cluster))
            faces = tuple(pc.unique(inside["face_id"]).to_pylist())
            return Selection(latest, faces, cluster)
    raise FatalError(
        f"no face and no cluster {what} in the latest results of {store.uri}: "
        "faces.parquet and clusters.parquet list them"
    )


def find_both(
    store: Store, one: str, other: str, among: Iterable[LatestAssignments] | None = None
) -> tuple[Selection, Selection]:
    """Faces of two ids in one collection: copies of a photo may be in several collections.

    Raises FatalError where no collection has both.
    """
    among = list(read_latest(store) if among is None else among)
    for latest in among:
        with suppress(FatalError):
            return find_faces(store, one, [latest]), find_faces(store, other, [latest])
    for what in (one, other):
        find_faces(store, what, among)  # raises where it is nowhere
    raise FatalError(f"{one} and {other} are faces of two collections")


def marks(
    store: Store, selected: Selection, s3: S3Settings, *, best: int = 0
) -> tuple[FaceMark, ...]:
    """Marks of the faces, best quality first; with ``best``, that many at most, one a photo."""
    keys, of_collection = selected.latest.keys, in_collection(selected.latest.collection)
    columns = ["photo", "face_id", "x", "y", "w", "h", "quality", "usable"]
    rows = _where_in(
        Table(store.uri, keys.faces, s3), columns, "face_id", selected.face_ids, of_collection
    )
    rows.sort(key=lambda row: (-row["quality"], row["photo"]))
    if best:
        rows = [row for row in rows if row["usable"]]
        rows = list({row["photo"]: row for row in reversed(rows)}.values())
        rows = sorted(rows, key=lambda row: (-row["quality"], row["photo"]))[:best]
    photos = [row["photo"] for row in rows]
    wanted = ["photo", "content", *Frame._fields]
    known = _where_in(Table(store.uri, keys.photos, s3), wanted, "photo", photos, of_collection)
    contents = {row["photo"]: row["content"] for row in known}
    frames = {row["photo"]: Frame.of(row) for row in known}
    found = {
        row["face_id"]: FaceMark(
            face_id=row["face_id"],
            content=contents.get(row["photo"], ""),
            box=(row["x"], row["y"], row["w"], row["h"]),
            frame=frames.get(row["photo"], UNKNOWN),
        )
        for row in rows
    }
    return tuple(found.values())


def _where_in(
    table: Table, columns: list[str], column: str, values: Iterable[str], where: str
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for part in parts(sorted(set(values))):
        rows += table.read(columns, where=f"{where} AND {any_of(column, part)}").to_pylist()
    return rows
