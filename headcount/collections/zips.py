"""ZIP files: their central directory read once, entry by entry, members read in ranges.

zipfile would hold every entry in memory, several hundred bytes each; and it reads a member
without a bound on what its data unpack to. Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from headcount.collections.entries import Entry, unreadable
from headcount.collections.ranges import buffered
from headcount.collections.tars import member_key
from headcount.contract.vocabulary import Outcome
from headcount.errors import ObjectError
from headcount.storage.base import ObjectInfo, Reader

_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_TAIL = 65_535 + _END.size + _LOCATOR64.size
"""The end record lies in so many last bytes, before a comment of at most 65,535."""
_EXTRA_GUESS = 128
"""Bytes asked for beyond what the central directory says: a member's own extra field may differ."""
_ENCRYPTED, _UTF8 = 0x1, 0x800
_STORED, _DEFLATED = 0, 8
_FULL32 = 0xFFFFFFFF


class BadZipError(Exception):
    """The file is no ZIP file, or a damaged one; the text says how."""


@dataclass(frozen=True, slots=True)
class _Directory:
    """The place of the central directory; ``shift`` is the length of what precedes the archive."""

    start: int
    size: int
    shift: int


class Zip:
    """The format of ZIP files."""

    def check(self, reader: Reader, container: ObjectInfo) -> str | None:
        """The fault of a file, in words, as far as its first bytes show."""
        try:
            _find_directory(reader, container)
        except BadZipError as error:
            return str(error)
        return None

    def scan(self, reader: Reader, container: ObjectInfo) -> Iterator[Entry]:
        """Its members, and where it is damaged, an entry for the file itself."""
        try:
            directory = _find_directory(reader, container)
            yield from _members(buffered(reader, container), directory)
        except (BadZipError, struct.error) as error:
            yield unreadable("", container.etag, container.size, str(error))

    def read(self, reader: Reader, container: ObjectInfo, entry: Entry) -> bytes:
        """A member's bytes, checked by their CRC. Raises ObjectError."""
        start, packed, method, crc = (int(value) for value in entry.place)
        uri = f"{reader.uri}{container.key}/{entry.key}"
        data = _packed_bytes(reader, container, start, packed, uri)
        if method == _DEFLATED:
            data = _inflated(data, entry.size, uri)
        if len(data) != entry.size or zlib.crc32(data) != crc:
            raise ObjectError(uri, "damaged in the ZIP file: its checksum does not fit")
        return data

    def target(self, entry: Entry) -> str | None:  # noqa: ARG002 - the tar format's question
        """None: ZIP files have no hard links."""
        return None


def _find_directory(reader: Reader, container: ObjectInfo) -> _Directory:
    size = container.size
    begin = max(0, size - _TAIL)
    tail = reader.get_range(container.key, begin, size - begin, etag=container.etag)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise BadZipError("no ZIP file, or one that is cut off: its end is missing")
    end = _END.unpack_from(tail, at)
    length, start, position = end[5], end[6], begin + at
    if _FULL32 in (start, length) or end[4] == 0xFFFF:
        length, start, position = _zip64(reader, container, tail, at) or (length, start, position)
    elif end[1] or end[2]:
        raise BadZipError("one part of a ZIP file in several parts")
    shift = position - length - start
    if shift < 0:
        raise BadZipError("the ZIP file is damaged: its directory lies beyond its end")
    return _Directory(start + shift, length, shift)


def _zip64(
    reader: Reader, container: ObjectInfo, tail: bytes, at: int
) -> tuple[int, int, int] | None:
    if at < _LOCATOR64.size:
        return None
    mark, _, position, _ = _LOCATOR64.unpack_from(tail, at - _LOCATOR64.size)
    if mark != b"PK\6\7":
        return None
    record = reader.get_range(container.key, position, _END64.size, etag=container.etag)
    if len(record) < _END64.size or not record.startswith(b"PK\6\6"):
        raise BadZipError("the ZIP file is damaged: its 64-bit end record is missing")
    fields = _END64.unpack(record)
    return fields[8], fields[9], position


def _members(file: io.BufferedReader, directory: _Directory) -> Iterator[Entry]:
    file.seek(directory.start)
    left = directory.size
    while left > 0:
        head = file.read(_CENTRAL.size)
        if len(head) < _CENTRAL.size or not head.startswith(b"PK\1\2"):
            raise BadZipError("the ZIP file is damaged: its directory breaks off")
        fields = _CENTRAL.unpack(head)
        name, extra = file.read(fields[10]), file.read(fields[11])
        file.seek(fields[12], io.SEEK_CUR)
        left -= _CENTRAL.size + sum(fields[10:13])
        entry = _entry(fields, name, extra, directory.shift)
        if entry is not None:
            yield entry


def _entry(fields: tuple[int, ...], name: bytes, extra: bytes, shift: int) -> Entry | None:
    flags, method, crc = fields[3], fields[4], fields[7]
    packed, size, start = _sizes(fields[8], fields[9], fields[16], extra)
    text = name if flags & _UTF8 or _is_utf8(name) else name.decode("cp437").encode()
    key = member_key(text.decode("utf-8", "surrogateescape"))
    if not key or name.endswith(b"/"):
        return None
    etag = f"{crc:08x}-{size:x}"
    if flags & _ENCRYPTED:
        return Entry(key, etag, size, fault=(Outcome.DENIED, "encrypted in the ZIP file"))
    wrong = None
    if ".." in key.split("/"):
        wrong = "its name leads out of the ZIP file"
    elif method not in (_STORED, _DEFLATED):
        wrong = f"compressed in the ZIP file by method {method}; headcount reads 0 and 8 (deflate)"
    elif packed > size + size // 100 + 1024:
        wrong = "damaged in the ZIP file: more packed than unpacked bytes"
    if wrong:
        return unreadable(key, etag, size, wrong)
    return Entry(key, etag, size, (start + shift, packed, method, crc))


def _is_utf8(name: bytes) -> bool:
    """Whether a name is valid UTF-8, as many programs write without saying so."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sizes(packed: int, size: int, start: int, extra: bytes) -> tuple[int, int, int]:
    """Packed size, size and place, taken from the 64-bit field where they need one (4.5.3)."""
    values, at = [size, packed, start], 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            wide = iter(struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8]))
            values = [next(wide, (v,))[0] if v == _FULL32 else v for v in values]
        at += 4 + length
    return values[1], values[0], values[2]


def _packed_bytes(
    reader: Reader, container: ObjectInfo, start: int, packed: int, uri: str
) -> bytes:
    head = _LOCAL.size
    name_guess = len(uri.encode()) - len(f"{reader.uri}{container.key}/".encode())
    wanted = head + name_guess + _EXTRA_GUESS + packed
    data = reader.get_range(container.key, start, wanted, etag=container.etag)
    if len(data) < head or not data.startswith(b"PK\3\4"):
        raise ObjectError(uri, "damaged in the ZIP file: it is not where the directory says")
    begin = head + sum(struct.unpack_from("<HH", data, 26))
    if begin + packed > len(data):
        data = reader.get_range(container.key, start + begin, packed, etag=container.etag)
        begin = 0
    return data[begin : begin + packed]


def _inflated(data: bytes, size: int, uri: str) -> bytes:
    """The unpacked bytes: one more than was promised is refused, whatever there is."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise ObjectError(uri, f"damaged in the ZIP file: {error}") from error
    if len(unpacked) > size:
        raise ObjectError(uri, f"damaged in the ZIP file: it unpacks to more than {size} bytes")
    return unpacked
