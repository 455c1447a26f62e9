"""Listing: the objects of a bucket in UTF-8 byte order of their keys.

Some servers (SeaweedFS) list ``a/b`` before ``a-b``, since they walk folders. Unless the server is
known to list in the order of S3, headcount walks folder by folder and sorts each page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, groupby

from minio import Minio

from headcount.storage.base import ObjectInfo
from headcount.storage.s3.client import PageCount, Pool
from headcount.storage.s3.faults import Target
from headcount.storage.s3.tags import tag_of_object

LISTS_IN_ORDER = ("AmazonS3", "MinIO")
"""The names, in the header ``Server``, of servers that list in UTF-8 byte order."""


class Listing:
    """The objects and folders of a bucket; keys are those of the bucket, whole.

    ``connect`` makes a client that sends its requests through a given pool, ``headers`` go with
    each. Every method may raise
    what ``target`` makes of an error: FatalError, TransientError.
    """

    def __init__(
        self,
        bucket: str,
        pool: Pool,
        connect: Callable[[PageCount], Minio],
        target: Target,
        headers: Mapping[str, str],
    ) -> None:
        self._bucket = bucket
        self._pool = pool
        self._connect = connect
        self._target = target
        self._headers = headers
        self._walks = False

    def check(self, prefix: str) -> None:
        """Ask for one page."""
        next(self._entries(PageCount(self._pool), prefix), None)

    def objects(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Objects below a prefix, in order; some may lie before ``after``."""
        if not self._walks:
            count = PageCount(self._pool)
            found = self._entries(count, prefix, after=after, recursive=True)
            first = next(found, None)
            self._walks = not count.server.startswith(LISTS_IN_ORDER)
        if self._walks:
            yield from self._walk(prefix, after)
        elif first is not None:
            yield from (entry for entry in chain([first], found) if isinstance(entry, ObjectInfo))

    def _walk(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        stack = [self.level(prefix)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif isinstance(entry, ObjectInfo):
                yield entry
            elif entry > after or after.startswith(entry):
                stack.append(self.level(entry))

    def level(self, prefix: str) -> Iterator[ObjectInfo | str]:
        """Objects and folders directly below a prefix, in order; folders are keys ending in ``/``.

        One request for each thousand of them.
        """
        waiting: dict[str, ObjectInfo | str] = {}
        for page in self._pages(prefix):
            waiting |= {entry if isinstance(entry, str) else entry.key: entry for entry in page}
            # Later pages are greater than this, whether the server sorts "a/" so or as "a".
            reached = max(key.removesuffix("/") for key in waiting)
            for key in sorted(waiting):
                if key > reached:
                    break
                yield waiting.pop(key)
        yield from (waiting[key] for key in sorted(waiting))

    def _pages(self, prefix: str) -> Iterator[list[ObjectInfo | str]]:
        count = PageCount(self._pool)
        entries = self._entries(count, prefix)
        for _, page in groupby(entries, key=lambda _: count.pages):
            yield list(page)

    def _entries(
        self, count: PageCount, prefix: str, *, after: str = "", recursive: bool = False
    ) -> Iterator[ObjectInfo | str]:
        """Objects and, unless ``recursive``, folders: by page, in the server's order."""
        with self._target.translated():
            found = self._connect(count).list_objects(
                self._bucket,
                prefix=prefix,
                recursive=recursive,
                start_after=after or None,
                extra_headers=dict(self._headers),
            )
            for entry in found:
                key = entry.object_name or ""
                if not entry.is_dir:
                    yield ObjectInfo(key, tag_of_object(entry), entry.size or 0)
                elif not recursive and key != prefix:
                    yield key
