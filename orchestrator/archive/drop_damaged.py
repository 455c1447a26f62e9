"""Rows of damaged files taken out of an archive's tables, so that the next run embeds them anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from headcount import audit
from headcount.contract.layout import PackKeys
from headcount.contract.vocabulary import Outcome
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.sums import record_sums, tables_of_pack
from headcount.tables.table import Table
from headcount.tables.versions import drop_files
from orchestrator.archive.catalogue import refuse_half_commits, require_idle

Photo = tuple[str, str]
"""A collection and a key."""


def drop_damaged(store: Store, faulty: Collection[str], s3: S3Settings) -> dict[str, int]:
    """Take the rows of these data files out; the numbers of files and photos that went, by pack.

    Photos that lose a face lose all of their rows, so that the next run finds them new. References
    come back with the people folder and with answers. Raises FatalError where a job is not
    finished.
    """
    require_idle(store, purpose="first")
    refuse_half_commits(store)
    removed: Counter[str] = Counter()
    for pack in sorted({key.split("/")[1] for key in faulty if ".lance/data/" in key}):
        keys = PackKeys(pack)
        audit.record(store, "drop", pack, damaged=len(faulty))
        for key in tables_of_pack(keys):
            paths = {name.removeprefix(f"{key}/") for name in faulty if name.startswith(f"{key}/")}
            removed["files"] += drop_files(Table(store.uri, key, s3), paths)
        removed["photos"] += _reconcile(store, keys, s3)
        record_sums(store, keys, s3)
    return dict(removed)


def _reconcile(store: Store, keys: PackKeys, s3: S3Settings) -> int:
    """Delete photos whose faces are not all there, and faces whose photo is not there."""
    photos, faces = Table(store.uri, keys.photos, s3), Table(store.uri, keys.faces, s3)
    there: Counter[Photo] = Counter()
    for batch in faces.scan(["collection", "photo"]):
        there.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    orphans, torn = set(there), set[Photo]()
    where = f"outcome = '{Outcome.FACES}'"
    for batch in photos.scan(["collection", "photo", "faces"], where=where):
        for collection, photo, number in zip(
            *(column.to_pylist() for column in batch.columns), strict=True
        ):
            orphans.discard((collection, photo))
            if there[collection, photo] != number:
                torn.add((collection, photo))
    _delete(photos, torn)
    _delete(faces, torn | orphans)
    return len(torn | orphans)


def _delete(table: Table, photos: Iterable[Photo]) -> None:
    of: defaultdict[str, list[str]] = defaultdict(list)
    for collection, photo in photos:
        of[collection].append(photo)
    for collection, names in sorted(of.items()):
        for part in parts(sorted(names)):
            table.delete(f"{in_collection(collection)} AND {any_of('photo', part)}")
