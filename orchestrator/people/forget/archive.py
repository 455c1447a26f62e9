"""Removal of a forgotten person from an archive: tables, assignments, records of jobs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from headcount.assignments import history
from headcount.assignments.expectations import read_expectations, write_expectations
from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.layout import PREPARE, JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import DoneMarker, FailedMarker, FinishedRecord
from headcount.contract.vocabulary import Outcome, person_id
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, parts, quoted
from headcount.tables.sums import record_sums, unite
from headcount.tables.table import Table
from orchestrator.archive.catalogue import job_ids
from orchestrator.people.forget.answers import forget_answers
from orchestrator.people.forget.carried import forget_carried
from orchestrator.people.forget.checks import forget_checks
from orchestrator.people.forget.rows import without_kept, without_name, without_person
from orchestrator.people.latest_assignments import pack_ids


def remove_from_archive(
    store: Store, stone: ForgottenRecord, s3: S3Settings
) -> Iterator[dict[str, int]]:
    """Remove a person step by step; yield the counts of each step when it is done."""
    yield {"decisions": forget_answers(store, stone), "checks": forget_checks(store, stone)}
    for one in stone.by_each_name():
        for pack_id in pack_ids(store):
            yield forget_rows(store, PackKeys(pack_id), one, s3)
            yield forget_assignments(store, PackKeys(pack_id), one)
        yield forget_jobs(store, one)


def forget_rows(
    store: Store, keys: PackKeys, stone: ForgottenRecord, s3: S3Settings
) -> dict[str, int]:
    """Delete faces, references and what photos carry, with all versions that had them."""
    gallery, faces, photos = (
        Table(store.uri, key, s3) for key in (keys.gallery, keys.faces, keys.photos)
    )
    if not (gallery.exists() and faces.exists() and photos.exists()):
        return {}
    mine = f"person_id = {quoted(stone.person_id)}"
    removed = {"references": gallery.count(mine), "faces": 0, "photos that carry the name": 0}
    gallery.delete(mine)
    for part in parts(sorted(set(stone.faces))):
        removed["faces"] += faces.count(any_of("face_id", part))
        faces.delete(any_of("face_id", part))
    _count_again(faces, photos, stone)
    removed["photos that carry the name"] = forget_carried(photos, stone.person_id)
    for table in (gallery, faces, photos):
        table.purge()
    record_sums(store, keys, s3)
    unite(store)  # of files that are gone no sum is left
    return removed


def _count_again(faces: Table, photos: Table, stone: ForgottenRecord) -> None:
    """Update the number of faces, and the outcome, of photos that lost faces."""
    of: defaultdict[str, list[str]] = defaultdict(list)
    for collection, photo in stone.photos:
        of[collection].append(photo)
    for collection, keys in sorted(of.items()):
        for part in parts(sorted(set(keys))):
            where = f"{in_collection(collection)} AND "
            left = Counter(
                faces.read(["photo"], where=where + any_of("photo", part))["photo"].to_pylist()
            )
            for number in sorted({left[photo] for photo in part}):
                same = [photo for photo in part if left[photo] == number]
                looked_at = f" AND outcome = {quoted(Outcome.FACES)}"
                columns = {"faces": str(number)}
                if not number:
                    columns["outcome"] = quoted(Outcome.NO_FACE)
                photos.update(columns, where + any_of("photo", same) + looked_at)


def forget_assignments(store: Store, keys: PackKeys, stone: ForgottenRecord) -> dict[str, int]:
    """Take faces and names out of every job's assignments, expectations and lineage."""
    changed = 0
    for collection in history.collections_of(store, keys):
        for job_id in history.job_ids(store, keys.assignment_folder(collection)):
            assigned = history.read_assignments(store, keys, collection, job_id)
            left = without_person(assigned, stone)
            if not left.equals(assigned):
                history.write_table(store, keys.assignments(collection, job_id), left)
                changed += 1
        for job_id in history.job_ids(store, keys.expectation_folder(collection)):
            kept = read_expectations(store, keys, collection, job_id)
            write_expectations(store, keys, collection, job_id, without_kept(kept, stone))
        for job_id in history.job_ids(store, keys.lineages(collection)):
            key = keys.lineage(collection, job_id)
            lineage = history.read_table(store, key, results.LINEAGE)
            history.write_table(store, key, without_name(lineage, stone))
    return {"rolls": changed}


def forget_jobs(store: Store, stone: ForgottenRecord) -> dict[str, int]:
    """Take the name out of the jobs' records; delete versions to which no rollback can go back."""
    changed = 0
    for job_id in job_ids(store):
        keys = JobKeys(job_id)
        store.delete(keys.commit)
        changed += _forget_references(store, keys, stone)
        changed += _forget_messages(store, keys, stone)
        finished = find_record(store, keys.finished, FinishedRecord)
        if finished is None or finished.state != "done":
            for info in list(store.list(keys.done_folder)):
                if info.key != keys.done(PREPARE):
                    store.delete(info.key)  # its staged rows are gone: done anew on resume
        for info in list(store.list(keys.handed_on)):
            store.delete(info.key)  # also what a late task left after the end
    return {"job records": changed}


def _forget_references(store: Store, keys: JobKeys, stone: ForgottenRecord) -> int:
    """Take the person out of the references that a job's first unit reported."""
    marker = find_record(store, keys.done(PREPARE), DoneMarker)
    if marker is None:
        return 0
    left = tuple(r for r in marker.references if person_id(r.person) != stone.person_id)
    if len(left) == len(marker.references):
        return 0
    store.put(keys.done(PREPARE), marker.model_copy(update={"references": left}).to_bytes())
    return 1


def _forget_messages(store: Store, keys: JobKeys, stone: ForgottenRecord) -> int:
    """Take the name out of a job's error messages."""
    changed = 0
    finished = find_record(store, keys.finished, FinishedRecord)
    if finished and finished.message and stone.person and stone.person in finished.message:
        text = finished.message.replace(stone.person, stone.person_id)
        store.put(keys.finished, finished.model_copy(update={"message": text}).to_bytes())
        changed += 1
    for info in list(store.list(keys.failed_folder)):
        failed = find_record(store, info.key, FailedMarker)
        if failed and stone.person and stone.person in failed.model_dump_json():
            store.delete(info.key)
            changed += 1
    return changed


def search_again(store: Store, stone: ForgottenRecord, s3: S3Settings) -> None:
    """Mark photos of forgotten faces as not searched, so that the next run searches them."""
    for pack_id in pack_ids(store):
        photos = Table(store.uri, PackKeys(pack_id).photos, s3)
        if photos.exists():
            for part in parts(sorted({place.content for place in stone.places})):
                photos.update({"profile": quoted("")}, any_of("content", part))
