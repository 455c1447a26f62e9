"""The pack that an archive was made with, and its thresholds as measured on that archive."""

from __future__ import annotations

from headcount.contract.layout import ARCHIVE, PREPARE, JobKeys, PackKeys, commit_key
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import (
    ArchiveRecord,
    CalibrationRecord,
    LastCommitRecord,
    PackRecord,
)
from headcount.contract.stored.jobs import DoneMarker
from headcount.errors import FatalError
from headcount.storage import Store
from workers.models.base import ModelPack

BOTH_PACKS = "--beside to embed with both, "
"""Advice of a job that meets another pack; a search cannot follow it."""


def figures_in_use(store: Store, keys: PackKeys, record: PackRecord) -> PackRecord:
    """A pack's record, with the thresholds measured on an archive where they are kept.

    Those of an earlier build, which measured cosines and not evidence, are not gone by.
    """
    kept = find_record(store, keys.calibration, CalibrationRecord)
    return record if kept is None or kept.scale == "cosine" else kept.applied(record)


def kept_by_cosine(store: Store, keys: PackKeys) -> bool:
    """Whether an earlier build's thresholds are kept, which runs ignore."""
    kept = find_record(store, keys.calibration, CalibrationRecord)
    return kept is not None and kept.scale == "cosine"


def require_same_pack(store: Store, pack: ModelPack, *, otherwise: str = "") -> None:
    """Raise FatalError unless the archive was made with this very pack.

    ``otherwise`` is what else may be done about it.
    """
    made_with = read_record(store, ARCHIVE, ArchiveRecord).model
    if made_with.pack_id != pack.record.pack_id:
        raise FatalError(
            f"the archive {store.uri} was made with the model pack {made_with.name} "
            f"({made_with.pack_id}), and this run uses {pack.record.name} "
            f"({pack.record.pack_id}). Embeddings of different packs cannot be compared: "
            f"use --model {made_with.name} with the same model files, {otherwise}or another archive"
        )


def kept_pack(store: Store, pack_id: str, collection: str) -> PackRecord:
    """The record of a pack that an archive has: that of the collection's last job, if of this pack.

    Raises FatalError where the pack was dropped.
    """
    record = find_record(store, PackKeys(pack_id).record, PackRecord)
    last = find_record(store, commit_key(collection), LastCommitRecord)
    if record is not None and last is not None:
        prepared = find_record(store, JobKeys(last.job_id).done(PREPARE), DoneMarker)
        if prepared is not None and prepared.pack is not None and prepared.pack.pack_id == pack_id:
            return prepared.pack  # with the figures that its results were made by
    if record is None:
        raise FatalError(
            f"the archive {store.uri} has no model pack {pack_id} any more: "
            "`headcount packs list` says which it has"
        )
    return record


def require_pack(pack: ModelPack, record: PackRecord) -> None:
    """Raise FatalError unless this is the pack of the record."""
    if pack.record.pack_id != record.pack_id:
        raise FatalError(
            f"{pack.record.name} is the model pack {pack.record.pack_id} here, and this job goes "
            f"on with {record.name} ({record.pack_id}): use the same model files"
        )
