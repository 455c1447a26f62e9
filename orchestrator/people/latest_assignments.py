"""What the archive's jobs said: rolls by job, and the faces that a person points at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount import decisions
from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, PACKS, PREPARE, JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec
from headcount.contract.vocabulary import person_id
from headcount.decisions import FaceMark
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.table import Table
from orchestrator.archive.catalogue import job_ids, undone_jobs


@dataclass(frozen=True, slots=True)
class LatestAssignments:
    """The latest roll of one collection under one pack."""

    keys: PackKeys
    collection: str
    job_id: str
    uri: str
    roll: pa.Table


def active_pack(store: Store) -> ModelChoice:
    """The pack that an archive goes by. Raises FatalError where no job has run yet."""
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        raise FatalError(f"{store.uri} is no archive yet: `headcount run` makes one")
    return record.model


def latest_rolls(store: Store, keys: PackKeys | None = None) -> Iterator[LatestAssignments]:
    """The latest roll of every collection, under the archive's pack unless told otherwise."""
    keys = keys or PackKeys(active_pack(store).pack_id)
    for collection in history.collections_of(store, keys):
        job_id = history.latest_job(store, keys, collection)
        if job_id is not None:
            spec = find_record(store, JobKeys(job_id).spec, JobSpec)
            roll = history.read_assignments(store, keys, collection, job_id)
            yield LatestAssignments(
                keys, collection, job_id, (spec.photos if spec else None) or "", roll
            )


def find_roll(store: Store, job_id: str) -> tuple[str, PackKeys]:
    """What a job took the roll of, and with which pack. Raises FatalError where no roll is kept."""
    spec = find_record(store, JobKeys(job_id).spec, JobSpec)
    if spec is None or spec.photos is None:
        raise FatalError(f"no job {job_id} with photos in {store.uri}: `headcount jobs` lists them")
    prepared = find_record(store, JobKeys(job_id).done(PREPARE), DoneMarker)
    if prepared is not None and prepared.pack is not None:
        keys = PackKeys(prepared.pack.pack_id)
        if job_id in history.job_ids(store, keys.assignment_folder(collection_id(spec.photos))):
            return spec.photos, keys
    raise FatalError(
        f"job {job_id} left no roll: it did not end, was rolled back, or is older than the last "
        f"{history.KEPT} jobs of its collection"
    )


def roll_of(store: Store, job_id: str) -> tuple[str, pa.Table]:
    """The collection of a job, and its roll. Raises FatalError where there is none."""
    photos, keys = find_roll(store, job_id)
    return photos, history.read_assignments(store, keys, collection_id(photos), job_id)


def finished_jobs(store: Store) -> list[str]:
    """The jobs that took a roll, ended well and were not undone since, in the order they ended."""
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
    """A person's id and name, by either. Raises FatalError where nobody is called that."""
    known = people_of(store, s3)
    wanted = person if person in known else person_id(person)
    if wanted not in known:
        raise FatalError(f"nobody called {person} in {store.uri}: `headcount people` lists them")
    return wanted, known[wanted]


def people_of(store: Store, s3: S3Settings) -> dict[str, str]:
    """Names by id of everybody in the decisions, the galleries and the rolls of an archive."""
    known = {
        said.person_id: said.person
        for _, said in decisions.read(store)
        if said.person_id and said.person
    }
    for pack_id in pack_ids(store):
        keys = PackKeys(pack_id)
        gallery = Table(store.uri, keys.gallery, s3)
        if gallery.exists():
            known |= _names(gallery.read(["person_id", "person"]))
        for said in latest_rolls(store, keys):
            known |= _names(said.roll)
    return known


def named_by_hand(store: Store, person: str) -> dict[str, FaceMark]:
    """The faces that decisions say are this person, by id; what was said last of a face counts."""
    standing: dict[str, FaceMark] = {}
    for _, said in decisions.read(store):
        if said.action == "name" and said.person_id == person:
            photos = {mark.content for mark in said.faces} - {""}
            standing = {f: mark for f, mark in standing.items() if mark.content not in photos}
        for mark in said.faces:
            if said.action == "name" and said.person_id == person:
                standing[mark.face_id] = mark
            elif said.action == "name" or said.person_id == person:
                standing.pop(mark.face_id, None)
    return standing


def _names(rows: pa.Table) -> dict[str, str]:
    """Names by id, each person's last one; without an object per row."""
    rows = rows.select(["person_id", "person"]).filter(pc.greater(rows["person_id"], ""))
    last = rows.group_by("person_id", use_threads=False).aggregate([("person", "last")])
    return dict(zip(last["person_id"].to_pylist(), last["person_last"].to_pylist(), strict=True))


def pack_ids(store: Store) -> list[str]:
    """The packs that an archive has tables of."""
    folders = store.folders(PACKS)
    return [pack for pack in folders if any(store.list(PackKeys(pack).record))]


@dataclass(frozen=True, slots=True)
class Pointed:
    """The faces that a person pointed at, and the collection they are in."""

    said: LatestAssignments
    face_ids: tuple[str, ...]
    cluster_id: str | None
    """The cluster that is meant, or that the face is in."""


def find_faces(
    store: Store, what: str, among: Iterable[LatestAssignments] | None = None
) -> Pointed:
    """The faces that a face id or a cluster id means. Raises FatalError where there are none.

    The id of a cluster that was absorbed means whoever absorbed it. ``among`` are the latest
    rolls, where they were read already.
    """
    for said in latest_rolls(store) if among is None else among:
        ids, clusters = said.roll["face_id"], said.roll["cluster_id"]
        at = pc.index(ids, what).as_py()
        if at >= 0:
            return Pointed(said, (what,), clusters[at].as_py())
        cluster: str | None = what
        if pc.index(clusters, what).as_py() < 0:
            lineage = history.read_lineage(store, said.keys, said.collection)
            lineage = lineage.filter(pc.equal(lineage["change"], "absorbed"))
            heirs = pc.unique(lineage["cluster_id"])
            alive = heirs.filter(pc.is_in(heirs, value_set=clusters.combine_chunks()))
            cluster = history.heir(what, set(alive.to_pylist()), lineage)
        if cluster is not None:
            inside = said.roll.filter(pc.equal(said.roll["cluster_id"], cluster))
            faces = tuple(pc.unique(inside["face_id"]).to_pylist())
            return Pointed(said, faces, cluster)
    raise FatalError(
        f"no face and no cluster {what} in the latest results of {store.uri}: "
        "faces.parquet and clusters.parquet list them"
    )


def find_both(
    store: Store, one: str, other: str, among: Iterable[LatestAssignments] | None = None
) -> tuple[Pointed, Pointed]:
    """The faces that two ids mean, in one collection: copies of a photo may be in several.

    Raises FatalError where no collection has both.
    """
    among = list(latest_rolls(store) if among is None else among)
    for said in among:
        with suppress(FatalError):
            return find_faces(store, one, [said]), find_faces(store, other, [said])
    for what in (one, other):
        find_faces(store, what, among)  # says so where it is nowhere
    raise FatalError(f"{one} and {other} are faces of two collections")


def marks(store: Store, pointed: Pointed, s3: S3Settings, *, best: int = 0) -> tuple[FaceMark, ...]:
    """Marks of faces; with ``best``, of so many of the best quality, each in another photo."""
    keys, of_collection = pointed.said.keys, in_collection(pointed.said.collection)
    columns = ["photo", "face_id", "x", "y", "w", "h", "quality", "usable"]
    rows = _where_in(
        Table(store.uri, keys.faces, s3), columns, "face_id", pointed.face_ids, of_collection
    )
    rows.sort(key=lambda row: (-row["quality"], row["photo"]))
    if best:
        rows = [row for row in rows if row["usable"]]
        rows = list({row["photo"]: row for row in reversed(rows)}.values())
        rows = sorted(rows, key=lambda row: (-row["quality"], row["photo"]))[:best]
    photos = [row["photo"] for row in rows]
    contents = {
        row["photo"]: row["content"]
        for row in _where_in(
            Table(store.uri, keys.photos, s3), ["photo", "content"], "photo", photos, of_collection
        )
    }
    found = {
        row["face_id"]: FaceMark(
            face_id=row["face_id"],
            content=contents.get(row["photo"], ""),
            box=(row["x"], row["y"], row["w"], row["h"]),
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
