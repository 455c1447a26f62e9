"""Forgetting a person: vectors, crops and names leave the archive and its jobs' results for good.

No job may write meanwhile: a mark says so in the archive, from before the jobs are looked at until
all is done. What is to be removed is written first (the tombstone, state ``removing``), and the
tombstone is stripped last: a `forget` that was interrupted is ended by the next one. Every step may
be done again.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

import pyarrow.compute as pc

from headcount import audit, decisions
from headcount.assignments import rolls
from headcount.contract import results
from headcount.contract.forgotten import (
    CONFIRMED_SECONDS,
    Box4,
    ForgettingRecord,
    ForgottenRecord,
    Place,
    Unreached,
    still_under_way,
    tombstone_key,
    under_way,
)
from headcount.contract.layout import FORGETTING, PREPARE, ROLLBACK, JobKeys, PackKeys
from headcount.contract.messages import (
    DoneMarker,
    FailedMarker,
    FinishedRecord,
    JobSpec,
    RollbackRecord,
    find_record,
    now,
)
from headcount.contract.vocabulary import Outcome, person_id
from headcount.decisions import SAME_PLACE, DecisionRecord, overlap
from headcount.errors import FatalError
from headcount.jobs import control
from headcount.settings import S3Settings
from headcount.storage import Store
from headcount.storage.opening import clear_leftovers
from headcount.storage.uris import is_within
from headcount.tables import Table, any_of, in_collection, parts, quoted
from orchestrator.archive.catalogue import (
    job_ids,
    refuse_half_commits,
    require_idle,
    require_jobs_ended,
    unfinished_jobs,
)
from orchestrator.people.forget.results import OutOfReach, withdraw, without_name, without_person
from orchestrator.people.latest_assignments import (
    find_person,
    latest_rolls,
    named_by_hand,
    pack_ids,
)

_PLACE = ("collection", "photo", "x", "y", "w", "h")

LEAVING_SECONDS = 10.0
"""How long workers get to leave what they have in hand of a job that was stopped just now."""


@dataclass(slots=True)
class _Traces:
    """What is to go: face ids, the photos they are in (collection and key), and their places."""

    faces: set[str] = field(default_factory=set)
    photos: set[tuple[str, str]] = field(default_factory=set)
    places: dict[tuple[str, Box4], Place] = field(default_factory=dict)

    def add_place(self, content: str, box: Box4) -> None:
        """Note where a face was; a photo whose content is unknown is no place."""
        if content:
            self.places[content, box] = Place(content=content, box=box)


def forget(store: Store, person: str, s3: S3Settings) -> ForgottenRecord:
    """Remove a person, by name or id; gives the receipt. Doing it again finds nothing more.

    Raises FatalError where nobody is called that, jobs are at work, or somebody else is being
    forgotten.
    """
    stone = _earlier(store, person)
    if stone is not None and _only_the_mark_is_left(store, stone):
        store.delete(FORGETTING)
        return stone
    if stone is not None and stone.state == "removing":
        _mark(store, stone.person_id)  # jobs that wait for it are no reason not to end it
    else:
        stone = _begin(store, person, s3)
    clear_leftovers(store)
    for gone in _remove_from_archive(store, stone, s3):
        stone = _with_removed(stone, gone)
        store.put(tombstone_key(stone.person_id), stone.to_bytes())  # for whoever has to end this
    unreached = []
    for spec, expected in _places(store):
        try:
            stone = _with_removed(stone, withdraw(spec, stone, s3, expected=expected))
        except OutOfReach as error:
            stone = _with_removed(stone, error.removed)
            cleared = error.gone and is_within(spec.out, (store.uri,))  # as old nights are
            if not cleared:
                unreached.append(Unreached(uri=spec.out, reason=str(error)))
    done = stone.model_copy(
        update={
            "state": "done",
            "at": now(),
            "person": None,
            "faces": (),
            "photos": (),
            "unreached": tuple(unreached),
        }
    )
    store.put(tombstone_key(stone.person_id), done.to_bytes())
    store.delete(FORGETTING)
    return done


def _remove_from_archive(
    store: Store, stone: ForgottenRecord, s3: S3Settings
) -> Iterator[dict[str, int]]:
    """What each step has removed, once it has."""
    yield {"decisions": _forget_decisions(store, stone)}
    for pack_id in pack_ids(store):
        yield _forget_rows(store, PackKeys(pack_id), stone, s3)
        yield _forget_rolls(store, PackKeys(pack_id), stone)
    yield _forget_jobs(store, stone)


def _with_removed(stone: ForgottenRecord, gone: Mapping[str, int]) -> ForgottenRecord:
    removed = Counter(stone.removed)
    removed.update(gone)
    counts = {name: number for name, number in sorted(removed.items()) if number}
    return stone.model_copy(update={"removed": counts})


def _mark(store: Store, person: str) -> None:
    """Say that the person is being forgotten. Raises FatalError where another person is."""
    mark = ForgettingRecord(person_id=person, at=now())
    if store.put_new(FORGETTING, mark.to_bytes()):
        return
    other = under_way(store)
    if other is not None and other.person_id != person:
        raise FatalError(still_under_way(other))
    store.put(FORGETTING, mark.to_bytes())


def _require_nothing_at_work(store: Store) -> None:
    require_jobs_ended(store, purpose="first")
    if rollback := find_record(store, ROLLBACK, RollbackRecord):
        raise FatalError(
            f"a rollback was interrupted: `headcount rollback {rollback.job_id}` ends it"
        )
    refuse_half_commits(store)


def _let_workers_leave(store: Store) -> None:
    """Wait a little while workers still have units of jobs that were stopped just now.

    Who is later than that, or is taken for dead and is not, writes nothing all the same: a worker
    looks at the mark and the tombstones before each write.
    """
    patience = time.monotonic() + LEAVING_SECONDS
    since = now() - timedelta(seconds=LEAVING_SECONDS)
    lately = [
        JobKeys(job_id)
        for job_id in job_ids(store)
        if (flag := control.stopped(store, job_id)) is not None and flag.since > since
    ]
    while time.monotonic() < patience and any(_in_hand(store, keys) for keys in lately):
        time.sleep(0.25)


def _in_hand(store: Store, keys: JobKeys) -> bool:
    """Whether a unit of a job was begun and has no end."""
    begun = {PurePosixPath(info.key).parent.name for info in store.list(keys.attempts_folder)}
    ended = {
        PurePosixPath(info.key).stem
        for folder in (keys.done_folder, keys.failed_folder)
        for info in store.list(folder)
    }
    return bool(begun - ended)


def remember(store: Store, person: str, s3: S3Settings) -> str:
    """Lift a tombstone: from now on the person may be enrolled again. Gives the person's id.

    The next run searches the photos again in which faces were forgotten. Raises FatalError where
    nobody called that was forgotten, or jobs are at work.
    """
    require_idle(store, purpose="first")
    for wanted in (person, person_id(person)):
        if stone := find_record(store, tombstone_key(wanted), ForgottenRecord):
            if stone.state == "removing":
                raise FatalError(f"{person} is being forgotten: `headcount forget` ends that first")
            audit.record(store, "remember", wanted)
            for pack_id in pack_ids(store):
                _search_again(Table(store.uri, PackKeys(pack_id).photos, s3), stone)
            store.delete(tombstone_key(wanted))
            return wanted
    raise FatalError(f"nobody called {person} was forgotten in {store.uri}")


def _search_again(photos: Table, stone: ForgottenRecord) -> None:
    """Let the next run take the photos of forgotten faces for ones that were never searched."""
    if photos.exists():
        for part in parts(sorted({place.content for place in stone.places})):
            photos.update({"profile": quoted("")}, any_of("content", part))


def _earlier(store: Store, person: str) -> ForgottenRecord | None:
    """The tombstone that an earlier `forget` of the same person left, whether it ended or not."""
    for wanted in (person, person_id(person)):
        if stone := find_record(store, tombstone_key(wanted), ForgottenRecord):
            return stone
    return None


def _only_the_mark_is_left(store: Store, stone: ForgottenRecord) -> bool:
    """Whether a `forget` had done everything and died before it lifted its mark."""
    mark = under_way(store)
    if mark is None or mark.person_id != stone.person_id:
        return False
    return stone.state == "done" and mark.at <= stone.at


def _begin(store: Store, person: str, s3: S3Settings) -> ForgottenRecord:
    """The tombstone, with everything that is to go, written when nothing else is at work.

    A job that begins sees the mark, or is seen here.
    """
    known, name = find_person(store, person, s3)
    _refuse_waiting_jobs(store, known)
    _require_nothing_at_work(store)
    _mark(store, known)
    try:
        _require_nothing_at_work(store)
        time.sleep(CONFIRMED_SECONDS)
        _let_workers_leave(store)
        return _write_tombstone(store, known, name, s3)
    except BaseException:  # also where somebody thinks better of it: no job is to wait for ever
        stone = _earlier(store, known)
        if stone is None or stone.state == "done":
            store.delete(FORGETTING)
        raise


def _refuse_waiting_jobs(store: Store, person: str) -> None:
    """Raise FatalError where a `forget` died before it had a tombstone, and jobs wait for it."""
    mark = under_way(store)
    if mark is not None and mark.person_id != person:
        raise FatalError(still_under_way(mark))
    if mark is not None and (jobs := unfinished_jobs(store)):
        raise FatalError(
            f"job {jobs[0]} waits for a `forget` that was interrupted as it began: "
            f"`headcount cancel {jobs[0]}` first, and `headcount resume {jobs[0]}` afterwards"
        )


def _write_tombstone(store: Store, known: str, name: str | None, s3: S3Settings) -> ForgottenRecord:
    traces = _Traces()
    for face, mark in named_by_hand(store, known).items():
        traces.faces.add(face)
        traces.add_place(mark.content, mark.box)
    for pack_id in pack_ids(store):
        _trace(store, PackKeys(pack_id), known, traces, s3)
    for pack_id in pack_ids(store):
        _trace_places(store, PackKeys(pack_id), traces, s3)
    before = find_record(store, tombstone_key(known), ForgottenRecord)
    stone = ForgottenRecord(
        person_id=known,
        at=now(),
        state="removing",
        person=name,
        faces=tuple(sorted(traces.faces)),
        photos=tuple(sorted(traces.photos)),
        places=(*(before.places if before else ()), *traces.places.values()),
    )
    audit.record(store, "forget", known)
    store.put(tombstone_key(known), stone.to_bytes())
    return stone


def _trace(store: Store, keys: PackKeys, person: str, traces: _Traces, s3: S3Settings) -> None:
    """What the latest rolls of a pack call by this name, wherever in the archive it is.

    So it is with the faces that are traced already: those that were named by hand.
    """
    table = Table(store.uri, keys.faces, s3)
    if not table.exists():
        return
    for said in latest_rolls(store, keys):
        mine = said.roll.filter(pc.equal(said.roll["person_id"], person))
        traces.faces.update(mine["face_id"].to_pylist())
    faces = _rows(table, [*_PLACE, "face_id"], "face_id", traces.faces)
    photos = {(row["collection"], row["photo"]) for row in faces}
    contents = {
        (row["collection"], row["photo"]): row["content"]
        for row in _rows(
            Table(store.uri, keys.photos, s3),
            ["collection", "photo", "content"],
            "photo",
            {photo for _, photo in photos},
        )
    }
    traces.photos |= photos
    for row in faces:
        traces.add_place(contents.get((row["collection"], row["photo"]), ""), _box(row))


def _trace_places(store: Store, keys: PackKeys, traces: _Traces, s3: S3Settings) -> None:
    """The same faces in this pack, under whatever id: those in these contents, at these places."""
    photos, faces = (Table(store.uri, key, s3) for key in (keys.photos, keys.faces))
    if not (photos.exists() and faces.exists()):
        return
    boxes: defaultdict[str, list[Box4]] = defaultdict(list)
    for place in traces.places.values():
        boxes[place.content].append(place.box)
    contents = {
        (row["collection"], row["photo"]): row["content"]
        for row in _rows(photos, ["collection", "photo", "content"], "content", boxes)
    }
    inside = {photo for _, photo in contents}
    for row in _rows(faces, [*_PLACE, "face_id"], "photo", inside):
        at = row["collection"], row["photo"]
        content, box = contents.get(at, ""), _box(row)
        if any(overlap(box, other) >= SAME_PLACE for other in boxes.get(content, ())):
            traces.faces.add(row["face_id"])
            traces.photos.add(at)
            traces.add_place(content, box)


def _box(row: dict[str, Any]) -> Box4:
    return row["x"], row["y"], row["w"], row["h"]


def _rows(
    table: Table, columns: list[str], column: str, values: Iterable[str]
) -> list[dict[str, Any]]:
    return [
        row
        for part in parts(sorted(set(values)))
        for row in table.read(columns, where=any_of(column, part)).to_pylist()
    ]


# -- the archive --------------------------------------------------------------------------------


def _forget_decisions(store: Store, stone: ForgottenRecord) -> int:
    """Decisions about the person go; others lose the forgotten faces."""
    gone, faces = 0, set(stone.faces)
    for key, decision in list(decisions.read(store)):
        left = tuple(mark for mark in decision.faces if mark.face_id not in faces)
        if decision.person_id == stone.person_id or not left:
            store.delete(key)
        elif len(left) < len(decision.faces):
            rest: DecisionRecord = decision.model_copy(update={"faces": left})
            store.put(key, rest.to_bytes())
        else:
            continue
        gone += 1
    return gone


def _forget_rows(
    store: Store, keys: PackKeys, stone: ForgottenRecord, s3: S3Settings
) -> dict[str, int]:
    """Faces and references go from a pack's tables, and all versions that had them."""
    gallery, faces, photos = (
        Table(store.uri, key, s3) for key in (keys.gallery, keys.faces, keys.photos)
    )
    if not (gallery.exists() and faces.exists() and photos.exists()):
        return {}
    mine = f"person_id = {quoted(stone.person_id)}"
    removed = {"references": gallery.count(mine), "faces": 0}
    gallery.delete(mine)
    for part in parts(sorted(set(stone.faces))):
        removed["faces"] += faces.count(any_of("face_id", part))
        faces.delete(any_of("face_id", part))
    _count_again(faces, photos, stone)
    for table in (gallery, faces, photos):
        table.purge()
    return removed


def _count_again(faces: Table, photos: Table, stone: ForgottenRecord) -> None:
    """Say of the photos how many faces they have left."""
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


def _forget_rolls(store: Store, keys: PackKeys, stone: ForgottenRecord) -> dict[str, int]:
    """Faces and names go from what every job said."""
    changed = 0
    for collection in rolls.collections_of(store, keys):
        for job_id in rolls.job_ids(store, keys.rolls(collection)):
            roll = rolls.read_roll(store, keys, collection, job_id)
            left = without_person(roll, stone)
            if not left.equals(roll):
                rolls.write_table(store, keys.roll(collection, job_id), left)
                changed += 1
        for job_id in rolls.job_ids(store, keys.lineages(collection)):
            key = keys.lineage(collection, job_id)
            lineage = rolls.read_table(store, key, results.LINEAGE)
            rolls.write_table(store, key, without_name(lineage, stone))
    return {"rolls": changed}


# -- jobs ---------------------------------------------------------------------------------------


def _places(store: Store) -> Iterator[tuple[JobSpec, set[str]]]:
    """Of each place of results the last job's spec, and the lists of people expected in any job.

    The last job may have written nothing: what is there may be of those before.
    """
    last: dict[str, JobSpec] = {}
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for job_id in job_ids(store):
        spec = find_record(store, JobKeys(job_id).spec, JobSpec)
        if spec is not None and spec.photos is not None:
            last[spec.out] = spec
            if spec.expected is not None:
                expected[spec.out].add(spec.expected)
    return ((spec, expected[out]) for out, spec in last.items())


def _forget_jobs(store: Store, stone: ForgottenRecord) -> dict[str, int]:
    """Names go from what jobs noted; no version that is gone can be gone back to."""
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
                    store.delete(info.key)  # what it staged is gone: done anew on resume
        for info in list(store.list(keys.handed_on)):
            store.delete(info.key)  # also what a late task left after the end
    return {"job records": changed}


def _forget_references(store: Store, keys: JobKeys, stone: ForgottenRecord) -> int:
    marker = find_record(store, keys.done(PREPARE), DoneMarker)
    if marker is None:
        return 0
    left = tuple(r for r in marker.references if person_id(r.person) != stone.person_id)
    if len(left) == len(marker.references):
        return 0
    store.put(keys.done(PREPARE), marker.model_copy(update={"references": left}).to_bytes())
    return 1


def _forget_messages(store: Store, keys: JobKeys, stone: ForgottenRecord) -> int:
    """Error messages quote what they are about."""
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
