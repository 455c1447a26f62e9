"""One object as a file that is read in ranges, for readers of tar, ZIP, CSV and Parquet."""

from __future__ import annotations

import io

from headcount.storage.base import ObjectInfo, Reader

WINDOW = 1 << 20
"""Bytes asked for at once: about what a store sends in the time that a request takes."""


class RangeFile(io.RawIOBase):
    """A seekable, read-only view of one object, in the version that ``info`` names.

    Raises ObjectChanged where the object is another by now.
    """

    def __init__(self, reader: Reader, info: ObjectInfo) -> None:
        super().__init__()
        self._reader = reader
        self._info = info
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; see io.IOBase.seek."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._info.size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the file's start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as io calls it
        """Fill the buffer as far as the object goes."""
        length = min(len(buffer), max(0, self._info.size - self._at))
        if not length:
            return 0
        data = self._reader.get_range(self._info.key, self._at, length, etag=self._info.etag)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def buffered(reader: Reader, info: ObjectInfo) -> io.BufferedReader:
    """The file, read a window at a time."""
    return io.BufferedReader(RangeFile(reader, info), WINDOW)
