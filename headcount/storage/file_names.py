"""File names as keys and back: also names that are no UTF-8."""

from __future__ import annotations

import re

# Only bytes that no separator and no dot is made of: an escape can lead nowhere.
_LOOKS_ESCAPED = re.compile(r"\\(?=x(?:5C|[89A-F][0-9A-F]))")
_STRAY = re.compile("[\udc80-\udcff]")
_ESCAPE = re.compile(rb"\\x(5C|[89A-F][0-9A-F])")


def key_of(name: bytes) -> str:
    """The key of a file name."""
    text = name.decode("utf-8", "surrogateescape")
    text = _LOOKS_ESCAPED.sub(r"\\x5C", text)
    return _STRAY.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02X}", text)


def name_of(key: str) -> bytes:
    """The file name of a key: ``name_of(key_of(name)) == name``."""
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), key.encode())
