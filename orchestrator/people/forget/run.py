"""Forgetting a person: vectors, crops and names leave the archive and its jobs' results for good.

No job may write meanwhile: a mark in the archive says so, from before the jobs are looked at until
all is done. The tombstone, which lists what is to be removed (state ``removing``), is written first
and stripped last. If a `forget` is interrupted, running it again completes it: every step can be
repeated.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from headcount import audit
from headcount.assignments.checks.kept import read_checks
from headcount.contract.forgotten import (
    CONFIRMED_SECONDS,
    ForgottenRecord,
    OtherName,
    Unreached,
    tombstone_key,
    under_way,
)
from headcount.contract.layout import FORGETTING, PackKeys
from headcount.contract.record import find_record, now
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.storage.uris import is_within
from headcount.tables.sums import require_unchanged, tables_of_pack
from orchestrator.archive.catalogue import require_idle
from orchestrator.people.forget.answers import other_names
from orchestrator.people.forget.archive import remove_from_archive, search_again
from orchestrator.people.forget.carried import find_anybody
from orchestrator.people.forget.mark import (
    let_workers_leave,
    refuse_waiting_jobs,
    require_nothing_at_work,
    set_mark,
)
from orchestrator.people.forget.results import OutOfReach, places_of_results, remove_from_results
from orchestrator.people.forget.trace import trace_faces
from orchestrator.people.latest_assignments import pack_ids


def forget(store: Store, person: str, s3: S3Settings) -> ForgottenRecord:
    """Remove a person, given by name or id; return the receipt. Repeating it changes nothing.

    Raises FatalError where there is no such person, jobs are not finished, or somebody else is
    being forgotten.
    """
    stone = _earlier(store, person)
    if stone is not None and _only_the_mark_is_left(store, stone):
        store.delete(FORGETTING)
        return stone
    if stone is not None and stone.state == "removing":
        set_mark(store, stone.person_id)  # even if jobs wait for it
    else:
        stone = _begin(store, person, s3)
    _point_other_names(store, stone)
    store.clear_leftovers()
    for gone in remove_from_archive(store, stone, s3):
        stone = _with_removed(stone, gone)
        store.put(tombstone_key(stone.person_id), stone.to_bytes())  # in case this is interrupted
    stone, unreached = _remove_from_results(store, stone, s3)
    done = stone.model_copy(
        update={
            "state": "done",
            "at": now(),
            "person": None,
            "others": tuple(OtherName(person_id=one.person_id) for one in stone.others),
            "faces": (),
            "photos": (),
            "unreached": unreached,
        }
    )
    store.put(tombstone_key(stone.person_id), done.to_bytes())
    store.delete(FORGETTING)
    return done


def _remove_from_results(
    store: Store, stone: ForgottenRecord, s3: S3Settings
) -> tuple[ForgottenRecord, tuple[Unreached, ...]]:
    """Remove the person from all jobs' results; return the counts, and results out of reach."""
    unreached, checks = [], read_checks(store)
    for spec, expected in places_of_results(store):
        for one in stone.by_each_name():
            gone: Mapping[str, int]
            try:
                gone = remove_from_results(spec, one, s3, expected=expected, checks=checks)
            except OutOfReach as error:
                gone = error.removed
                # Results in the archive may be cleared away, as those of old scheduled runs are.
                if not (error.gone and is_within(spec.out, (store.uri,))):
                    unreached.append(Unreached(uri=spec.out, reason=str(error)))
            stone = _with_removed(stone, gone)
    return stone, tuple(dict.fromkeys(unreached))


def _with_removed(stone: ForgottenRecord, gone: Mapping[str, int]) -> ForgottenRecord:
    """The tombstone with further counts in its receipt."""
    removed = Counter(stone.removed)
    removed.update(gone)
    counts = {name: number for name, number in sorted(removed.items()) if number}
    return stone.model_copy(update={"removed": counts})


def _begin(store: Store, person: str, s3: S3Settings) -> ForgottenRecord:
    """Set the mark, wait until nothing is at work, and write the tombstone.

    A job that begins meanwhile sees the mark, or is seen here.
    """
    known, name = find_anybody(store, person, s3)
    refuse_waiting_jobs(store, known)
    require_nothing_at_work(store)
    set_mark(store, known)
    try:
        require_nothing_at_work(store)
        time.sleep(CONFIRMED_SECONDS)
        let_workers_leave(store)
        return _write_tombstone(store, known, name, s3)
    except BaseException:  # also on Ctrl-C: no job is to wait for ever
        stone = _earlier(store, known)
        if stone is None or stone.state == "done":
            store.delete(FORGETTING)
        raise


def _write_tombstone(store: Store, known: str, name: str | None, s3: S3Settings) -> ForgottenRecord:
    """Write the tombstone with all that is to be removed."""
    for pack_id in pack_ids(store):  # what is changed now would be written anew as it is
        require_unchanged(store, tables_of_pack(PackKeys(pack_id)), s3)
    others = other_names(store, known)
    traces = trace_faces(store, (known, *(one.person_id for one in others)), s3)
    before = find_record(store, tombstone_key(known), ForgottenRecord)
    stone = ForgottenRecord(
        person_id=known,
        at=now(),
        state="removing",
        person=name,
        faces=tuple(sorted(traces.faces)),
        photos=tuple(sorted(traces.photos)),
        others=others,
        places=(*(before.places if before else ()), *traces.places.values()),
    )
    audit.record(store, "forget", known)
    store.put(tombstone_key(known), stone.to_bytes())
    return stone


def _point_other_names(store: Store, stone: ForgottenRecord) -> None:
    """Write a tombstone for each other name of the person, unless that has one of its own."""
    for other in stone.others:
        key = tombstone_key(other.person_id)
        pointer = ForgottenRecord(
            person_id=other.person_id, at=stone.at, state="done", same_as=stone.person_id
        )
        store.put_new(key, pointer.to_bytes())


def _earlier(store: Store, person: str) -> ForgottenRecord | None:
    """The tombstone of an earlier `forget` of the person, whether that was completed or not.

    Where that of a name only points to the person's, the latter.
    """
    for wanted in (person, person_id(person)):
        if stone := find_record(store, tombstone_key(wanted), ForgottenRecord):
            if stone.same_as is None:
                return stone
            return find_record(store, tombstone_key(stone.same_as), ForgottenRecord) or stone
    return None


def _only_the_mark_is_left(store: Store, stone: ForgottenRecord) -> bool:
    """Whether a `forget` did everything and died before it removed its mark."""
    mark = under_way(store)
    if mark is None or mark.person_id != stone.person_id:
        return False
    return stone.state == "done" and mark.at <= stone.at


def remember(store: Store, person: str, s3: S3Settings) -> str:
    """Delete the tombstones of a person, who may then be enrolled again; return the person's id.

    The next run searches the photos of forgotten faces again. Raises FatalError where no such
    person was forgotten or jobs are not finished.
    """
    require_idle(store, purpose="first")
    stone = _earlier(store, person)
    if stone is None:
        raise FatalError(f"nobody called {person} was forgotten in {store.uri}")
    if stone.state == "removing":
        raise FatalError(f"{person} is being forgotten: `headcount forget` ends that first")
    audit.record(store, "remember", stone.person_id)
    search_again(store, stone, s3)
    for other in stone.others:
        pointer = find_record(store, tombstone_key(other.person_id), ForgottenRecord)
        if pointer is not None and pointer.same_as == stone.person_id:
            store.delete(tombstone_key(other.person_id))
    store.delete(tombstone_key(stone.person_id))
    return stone.person_id
