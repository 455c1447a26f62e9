"""Tar files, WebDataset shards among them: their headers read once, members read in ranges."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from typing import Any

from headcount.collections.entries import Entry, unreadable
from headcount.collections.ranges import WINDOW, RangeFile
from headcount.errors import ObjectError
from headcount.storage.base import ObjectInfo, Reader
from headcount.storage.file_names import key_of

MAX_HEADER = 1 << 20
"""A longer name or list of attributes is no tar file's; it would be held in memory."""
MAX_GLOBALS = 1000
JUMP_WINDOW = 1 << 14
"""Bytes read where the headers lie megabytes apart."""

_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_FAULTS = (tarfile.TarError, ValueError, OverflowError, EOFError, UnicodeError)


class Headers:
    """A file for tarfile, read in windows: small ones where the members between are large.

    Refuses to read more than a header at once.
    """

    def __init__(self, file: RangeFile) -> None:
        self._file = file
        self._window = b""
        self._start = self._at = 0

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes."""
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        if not self._start <= self._at <= self._start + len(self._window) - size:
            self._load(size)
        begin = self._at - self._start
        data = self._window[begin : begin + size]
        self._at += len(data)
        return data

    def seek(self, offset: int) -> int:
        """Go to a place."""
        self._at = offset
        return offset

    def tell(self) -> int:
        """The place."""
        return self._at

    def _load(self, size: int) -> None:
        jumped = self._at - (self._start + len(self._window)) > WINDOW
        self._start = self._file.seek(self._at)
        self._window = self._file.read(max(size, JUMP_WINDOW if jumped else WINDOW)) or b""


class Tar:
    """The format of tar files."""

    def check(self, reader: Reader, container: ObjectInfo) -> str | None:
        """The fault of a file, in words, as far as its first bytes show."""
        start = reader.get_range(container.key, 0, tarfile.BLOCKSIZE)
        if start.startswith(_COMPRESSED):
            return "a compressed tar file, of which no photo can be read by itself: unpack it"
        try:
            tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # an empty tar file
            return None
        except _FAULTS:
            return "no tar file"
        return None

    def scan(self, reader: Reader, container: ObjectInfo) -> Iterator[Entry]:
        """Its members, and where it does not end well, an entry for the file itself."""
        wrong = self.check(reader, container)
        if wrong is None:
            try:
                yield from _members(Headers(RangeFile(reader, container)), container)
            except _FAULTS as error:
                wrong = f"the tar file is cut off or damaged: {error}"
        if wrong is not None:
            yield unreadable("", container.etag, container.size, wrong)

    def read(self, reader: Reader, container: ObjectInfo, entry: Entry) -> bytes:
        """A member's bytes. Raises ObjectError."""
        data = reader.get_range(container.key, int(entry.place[0]), entry.size, etag=container.etag)
        if len(data) != entry.size:
            raise ObjectError(
                f"{reader.uri}{container.key}/{entry.key}",
                "truncated file: the tar file is cut off",
            )
        return data

    def target(self, entry: Entry) -> str | None:
        """The key of the member that a hard link stands for."""
        place = entry.place[0] if entry.place else None
        return place if isinstance(place, str) else None


def _members(file: Headers, container: ObjectInfo) -> Iterator[Entry]:
    source: Any = file  # it has all that reading needs
    with tarfile.open(fileobj=source, mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
        held: Any = tar
        reached = -1
        while (member := tar.next()) is not None:
            held.members.clear()  # tarfile would keep them all
            backwards = tar.offset <= reached or member.size < 0
            if backwards or len(tar.pax_headers) > MAX_GLOBALS:
                raise tarfile.ReadError("its headers lead nowhere")
            reached = tar.offset
            entry = _entry(member, container)
            if entry is not None:
                yield entry
        _require_end(file, tar.offset)


def _require_end(file: Headers, offset: int) -> None:
    """Raise where no end mark was read: tarfile takes a damaged header for the end as well."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if not block:
        raise tarfile.ReadError("no end mark")
    if block.strip(b"\0"):
        raise tarfile.ReadError(f"a damaged header at byte {offset}")


def _entry(member: tarfile.TarInfo, container: ObjectInfo) -> Entry | None:
    key = member_key(member.name)
    if not key:
        return None
    etag = f"{container.etag}.{member.offset_data:x}"
    if member.islnk():
        return Entry(key, etag, 0, (member_key(member.linkname),))
    if not member.isreg():
        return None
    if ".." in key.split("/"):
        return unreadable(key, etag, member.size, "its name leads out of the tar file")
    if member.issparse():
        return unreadable(key, etag, member.size, "a sparse file, of which the tar has parts only")
    return Entry(key, etag, member.size, (member.offset_data,))


def member_key(name: str) -> str:
    """The key of a member: relative, without ``.`` and empty parts, spelt as files' keys are."""
    raw = name.encode("utf-8", "surrogateescape")
    parts = [part for part in key_of(raw).split("/") if part not in ("", ".")]
    return posixpath.join(*parts).replace("\0", "") if parts else ""
