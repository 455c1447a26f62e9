"""The index of a container: its entries in key order, in pages that are read as they are needed.

It lies in the archive under a name made of the container's URI and etag, so it is made once for
each version of a container, by whoever comes first, and read by planning and workers alike.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.collections.entries import Entry
from headcount.collections.sorting import in_key_order
from headcount.contract.layout import index_folder
from headcount.contract.record import split_sum, with_sum
from headcount.errors import FatalError, ObjectMissing
from headcount.storage.base import ObjectInfo, Store

PAGE = 4096
"""Entries of one page: about 2 MB in memory, a tenth of it in the archive."""
PAGES_KEPT = 4
"""Pages held in memory of each open container: about 8 MB."""


class IndexRecord(BaseModel):
    """``index.json``: written once every page is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    source: str
    etag: str
    entries: int
    firsts: tuple[str, ...]
    sums: tuple[str, ...] = ()
    """SHA-256 of each page; none in indexes of earlier builds."""


class Index:
    """The entries of one container. May be used from many threads; holds a few pages."""

    def __init__(self, store: Store, folder: str, record: IndexRecord) -> None:
        self._store = store
        self._folder = folder
        self._record = record
        self._pages: OrderedDict[int, dict[str, Entry]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: str) -> Entry | None:
        """The entry of a key."""
        number = bisect_right(self._record.firsts, key) - 1
        return self._page(number).get(key) if number >= 0 else None

    def entries(self, prefix: str = "", start_after: str = "") -> Iterator[Entry]:
        """The entries that a listing asks for, in key order; see Reader.list."""
        first = max(prefix, start_after)
        number = max(0, bisect_right(self._record.firsts, first) - 1)
        for page in range(number, len(self._record.firsts)):
            for key, entry in self._read(page).items():
                if key.startswith(prefix) and (key > start_after or not start_after):
                    yield entry
                elif key > prefix and not key.startswith(prefix):
                    return

    def _page(self, number: int) -> dict[str, Entry]:
        with self._lock:
            if number in self._pages:
                self._pages.move_to_end(number)
                return self._pages[number]
        page = self._read(number)
        with self._lock:
            self._pages[number] = page
            if len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        return page

    def _read(self, number: int) -> dict[str, Entry]:
        key = _page_key(self._folder, number)
        data = self._store.get(key).data
        if self._record.sums and hashlib.sha256(data).hexdigest() != self._record.sums[number]:
            raise FatalError(
                f"{self._store.uri}{key} has changed since it was written: delete "
                f"{self._store.uri}{self._folder}, and the next run makes this index anew"
            )
        rows = json.loads(zlib.decompress(data))
        return {entry.key: entry for entry in map(Entry.from_row, rows)}


LISTS = "lists, 2"
"""The form of the indexes of lists: the first one had other keys for numbers, and no `taken`."""


def open_index(
    store: Store,
    source: str,
    container: ObjectInfo,
    scan: Callable[[], Iterable[Entry]],
    *,
    form: str = "",
) -> Index:
    """The index of a container in this version; made with ``scan`` where there is none yet.

    An index of another ``form`` is made anew: that of an earlier build may say something else.
    """
    folder = index_folder(_name(source, container, form))
    try:
        record = read_index(store.get(folder + "index.json").data)
    except (ObjectMissing, ValidationError):
        record = _write(store, folder, source, container, scan())
    return Index(store, folder, record)


def read_index(data: bytes) -> IndexRecord:
    """The record of an index. Raises ValidationError for one that is none, or has changed."""
    bare, right = split_sum(data)
    return IndexRecord.model_validate_json(data if right is False else bare)


def _name(source: str, container: ObjectInfo, form: str) -> str:
    text = "\n".join((source, container.etag, str(container.size), *([form] if form else [])))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _page_key(folder: str, number: int) -> str:
    return f"{folder}{number:06d}.json.z"


def _write(
    store: Store, folder: str, source: str, container: ObjectInfo, entries: Iterable[Entry]
) -> IndexRecord:
    ordered, firsts, sums, total = in_key_order(entries), list[str](), list[str](), 0
    while page := list(islice(ordered, PAGE)):
        rows = json.dumps([entry.to_row() for entry in page])
        data = zlib.compress(rows.encode(), 1)
        store.put(_page_key(folder, len(firsts)), data)
        sums.append(hashlib.sha256(data).hexdigest())
        firsts.append(page[0].key)
        total += len(page)
    record = IndexRecord(
        source=source,
        etag=container.etag,
        entries=total,
        firsts=tuple(firsts),
        sums=tuple(sums),
    )
    store.put(folder + "index.json", with_sum(record.model_dump_json().encode()))
    return record
