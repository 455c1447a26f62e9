"""Sorting more entries than memory holds: sorted runs on disk, merged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from typing import IO

from headcount.collections.entries import Entry

RUN = 100_000
"""Entries sorted in memory at once: about 50 MB."""


def in_key_order(entries: Iterable[Entry], *, run: int = RUN) -> Iterator[Entry]:
    """The entries by key; of equal keys only the last, as unpacking a tar or ZIP file leaves it."""
    source, number = iter(entries), 0
    with ExitStack() as files:
        runs: list[Iterator[tuple[str, int, Entry]]] = []
        while part := list(islice(source, run)):
            ranked = sorted((entry.key, -(number + n), entry) for n, entry in enumerate(part))
            number += len(part)
            if not runs and len(part) < run:  # all there is
                runs.append(iter(ranked))
                break
            runs.append(_spilled(ranked, files))
        last: str | None = None
        for key, _, entry in merge(*runs, key=lambda ranked: ranked[:2]):
            if key != last:
                yield entry
            last = key


def _spilled(
    ranked: list[tuple[str, int, Entry]], files: ExitStack
) -> Iterator[tuple[str, int, Entry]]:
    temporary = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it is, below
    file = files.enter_context(temporary)
    for _, rank, entry in ranked:
        file.write(json.dumps([rank, entry.to_row()]) + "\n")
    file.seek(0)
    return _read_back(file)


def _read_back(file: IO[str]) -> Iterator[tuple[str, int, Entry]]:
    for line in file:
        rank, row = json.loads(line)
        entry = Entry.from_row(row)
        yield entry.key, rank, entry
