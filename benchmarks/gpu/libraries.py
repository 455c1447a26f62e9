"""The shared libraries that a library (ELF64) needs, read from its file, and which are there.

The format: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from pathlib import Path

_DYNAMIC = 2  # PT_DYNAMIC
_LOAD = 1  # PT_LOAD
_NEEDED, _STRTAB = 1, 5  # DT_NEEDED, DT_STRTAB


def needed(data: bytes) -> list[str]:
    """The names under DT_NEEDED. Raises ValueError for what is no 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no ELF file of 64 bits")
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<II6Q", data, start + n * size) for n in range(count)]
    loads = [(h[3], h[2], h[5]) for h in headers if h[0] == _LOAD]  # address, offset, bytes
    entries: list[tuple[int, int]] = []
    for kind, _, offset, _, _, length, _, _ in headers:
        if kind == _DYNAMIC:
            entries = list(struct.iter_unpack("<qQ", data[offset : offset + length // 16 * 16]))
    names = next((value for tag, value in entries if tag == _STRTAB), 0)
    table = _offset(names, loads)
    return [_text(data, table + value) for tag, value in entries if tag == _NEEDED]


def _offset(address: int, loads: Iterable[tuple[int, int, int]]) -> int:
    """Translate an address in memory to an offset in the file. Raises ValueError."""
    for first, offset, length in loads:
        if first <= address < first + length:
            return address - first + offset
    raise ValueError("the names of the libraries are not in the file")


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()


def missing(library: Path) -> list[str]:
    """Needed libraries that the loader does not find."""
    return [name for name in needed(library.read_bytes()) if not _loads(name)]


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
