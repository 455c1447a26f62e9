"""The pack that an archive was made with, and its thresholds as measured on that archive."""

from __future__ import annotations

from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import ArchiveRecord, CalibrationRecord, PackRecord
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
