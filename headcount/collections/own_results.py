"""Results and archives of headcount that lie among photos, known by their own marks."""

from __future__ import annotations

import json
from functools import lru_cache

from pydantic import ValidationError

from headcount.collections.leftovers import ANNOTATED, RESULTS
from headcount.contract import inventory, layout, results
from headcount.contract.columns import RESULTS as TABLES
from headcount.contract.inventory import Place, place_of
from headcount.contract.marks import MARKS, MarksRecord
from headcount.contract.stored.archive import ArchiveRecord
from headcount.contract.stored.jobs import TABLE_FORMATS
from headcount.errors import ObjectError
from headcount.storage.base import Reader

MAX_RECORD = 16 << 20
"""Bytes of a summary: a larger object of that name is somebody else's."""
FOLDERS_KEPT = 256
"""Folders of which is remembered whether they are headcount's: a listing goes through them once."""


def _tops(places: tuple[Place, ...]) -> frozenset[str]:
    firsts = (place.pattern.partition("/")[0] for place in places)
    return frozenset(first for first in firsts if "<" not in first)


_RESULT_TOPS = _tops(inventory.RESULTS) | {f"{t}.{f}" for t in TABLES for f in TABLE_FORMATS}
_ARCHIVE_TOPS = _tops(inventory.ARCHIVE)
"""Names directly below a place of results, or an archive, that may be of headcount."""


class OwnResults:
    """The objects of a collection that headcount wrote there earlier.

    A place is asked for its marks once, and only where a key may be of headcount by its names. An
    annotated copy is known by its own mark, too: pictures of somebody's own may lie beside them.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._is_results = lru_cache(FOLDERS_KEPT)(self._has_marks)
        self._is_archive = lru_cache(FOLDERS_KEPT)(self._has_record)

    def rule(self, key: str) -> str | None:
        """The name of the rule by which headcount wrote this object; None of all others."""
        parts = key.split("/")
        for number, part in enumerate(parts):
            if part not in _RESULT_TOPS and part not in _ARCHIVE_TOPS:
                continue
            folder = "".join(f"{above}/" for above in parts[:number])
            found = self._rule_below(folder, key[len(folder) :])
            if found is not None:
                return found
        return None

    def _rule_below(self, folder: str, rest: str) -> str | None:
        if place_of(rest, inventory.RESULTS) and self._is_results(folder):
            if not rest.startswith(results.ANNOTATED):
                return RESULTS
            return ANNOTATED if self._is_annotated(folder + rest) else None
        if place_of(rest, inventory.ARCHIVE) and self._is_archive(folder):
            return ANNOTATED if f"/{results.ANNOTATED}" in rest else RESULTS
        return None

    def _is_annotated(self, key: str) -> bool:
        try:
            head = self._reader.get_range(key, 0, results.MARK_WITHIN)
        except ObjectError:
            return False
        return results.ANNOTATED_MARK in head

    def _has_marks(self, folder: str) -> bool:
        """Whether a folder has the marks, or the summary, of a run's results."""
        try:
            MarksRecord.model_validate_json(self._read(folder + MARKS))
        except (ObjectError, ValidationError):
            return self._has_summary(folder)
        return True

    def _has_summary(self, folder: str) -> bool:
        try:
            summary = json.loads(self._read(folder + results.SUMMARY))
        except (ObjectError, ValueError):
            return False
        return isinstance(summary, dict) and {"job_id", "spec", "outcomes"} <= set(summary)

    def _has_record(self, folder: str) -> bool:
        """Whether a folder is an archive."""
        try:
            ArchiveRecord.from_bytes(self._read(folder + layout.ARCHIVE))
        except (ObjectError, ValidationError):
            return False
        return True

    def _read(self, key: str) -> bytes:
        return self._reader.get(key, limit=MAX_RECORD).data
