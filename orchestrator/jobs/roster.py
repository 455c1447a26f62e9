"""The roster of a job, checked before anything is embedded."""

from __future__ import annotations

import pyarrow as pa

from headcount.rosters.patterns import WILDCARDS
from headcount.rosters.read import EVERY
from headcount.rosters.scopes import MAX_ROWS, Photos, check_rows, resolve
from headcount.rosters.source import fetch_roster
from headcount.s3_settings import S3Settings
from headcount.storage import open_store


def check_roster(uri: str, s3: S3Settings, total: int, photos: Photos) -> None:
    """Raise FatalError where a roster makes too many expectations of ``total`` photos.

    ``photos``, their keys, are gone through only where that is possible at all.
    """
    lines = fetch_roster(uri, lambda store: open_store(store, s3)).lines
    if most_rows(lines, total) > MAX_ROWS:
        check_rows(lines, resolve(lines, photos), uri)


def most_rows(lines: pa.Table, total: int) -> int:
    """Expectations that lines make of ``total`` photos, at most: what is no photo takes in all."""
    asked = zip(lines["scope"].to_pylist(), lines["needed"].to_pylist(), strict=True)
    wide = sum(needed == EVERY and _is_wide(scope) for scope, needed in asked)
    return int(lines.num_rows + wide * total)


def _is_wide(scope: str) -> bool:
    """Whether a scope may be more than one photo."""
    return scope.endswith(("/", "\\")) or any(letter in scope for letter in WILDCARDS)
