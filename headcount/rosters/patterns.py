"""Scopes as patterns of photo keys: the photos that a pattern takes in among sorted keys."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

WILDCARDS = "*?["

_LAST = chr(0x10FFFF)
_CLASS = re.compile(r"\[([!^]?)(\]?[^\]/]*)\]", re.DOTALL)
_ITEM = re.compile(r"(.)-(.)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The keys that begin with ``prefix`` and, if there is one, match ``regex`` (of RE2).

    With ``exact``, the one key that is the prefix.
    """

    prefix: str
    regex: str = ""
    exact: bool = False

    def meets(self, first: str, last: str) -> bool:
        """Whether keys from ``first`` to ``last`` can be in it."""
        after = after_prefix(self.prefix)
        return self.prefix <= last and (after is None or first < after)

    def select(self, keys: pa.Array) -> pa.Array:
        """The positions (int64) of its keys among sorted ones, of which some may be equal."""
        start, end = self._range(keys)
        if not self.regex:
            return pa.arange(start, end)
        hit = pc.match_substring_regex(keys.slice(start, end - start), self.regex)
        return pc.add(pc.indices_nonzero(hit).cast(pa.int64()), start)

    def count(self, keys: pa.Array) -> int:
        """The number of its keys among sorted ones."""
        start, end = self._range(keys)
        if not self.regex:
            return end - start
        hit = pc.match_substring_regex(keys.slice(start, end - start), self.regex)
        return int(pc.sum(hit).as_py() or 0)

    def _range(self, keys: pa.Array) -> tuple[int, int]:
        """Start and end of the sorted keys that begin with the prefix, or are it."""
        if not self.prefix:
            return 0, len(keys)
        view = _Texts(keys)
        start = bisect_left(view, self.prefix)
        if self.exact:
            return start, bisect_right(view, self.prefix, lo=start)
        after = after_prefix(self.prefix)
        return start, len(keys) if after is None else bisect_left(view, after, lo=start)


def folder(path: str) -> Pattern:
    """The keys below a folder, whose path ends with a slash; all of them for an empty path."""
    return Pattern(path)


def glob(text: str) -> Pattern:
    """The keys that a glob matches.

    ``*`` stands for any letters but a slash, ``?`` for one, ``**`` for any, ``**/`` for any folders
    or none, ``[a-c]`` for one of some letters and ``[!a-c]`` for none of them. A bracket that is
    never closed stands for itself.
    """
    at = next((n for n, letter in enumerate(text) if letter in WILDCARDS), len(text))
    return Pattern(text[:at], rf"(?s)\A{_regex(text)}\z")


def after_prefix(prefix: str) -> str | None:
    """The least text above all that begin with a prefix; None where there is none."""
    prefix = prefix.rstrip(_LAST)
    if not prefix:
        return None
    code = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(0xE000 if code == 0xD800 else code)  # UTF-8 has no surrogates


def _regex(text: str) -> str:
    """A glob as a regular expression of RE2."""
    parts, at = [], 0
    while at < len(text):
        if text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            parts.append("(?:.*/)?")
            at += 3
        elif text.startswith("**", at):
            parts.append(".*")
            at += 2
        elif (found := _letters(text, at)) is not None:
            parts.append(found[0])
            at = found[1]
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(text[at]) or re.escape(text[at]))
            at += 1
    return "".join(parts)


def _letters(text: str, at: int) -> tuple[str, int] | None:
    """The class of letters that begins at a position, and where it ends; None where none does."""
    match = _CLASS.match(text, at)
    if match is None or not match[2]:
        return None
    ranges = [(m[1] or m[3], m[2] or m[3]) for m in _ITEM.finditer(match[2])]
    if any(low > high for low, high in ranges):
        return None
    if match[1]:
        return "[^/" + "".join(_between(low, high) for low, high in ranges) + "]", match.end()
    return "[" + "".join(_without_slash(low, high) for low, high in ranges) + "]", match.end()


def _without_slash(low: str, high: str) -> str:
    """The letters of a range but the slash: no class of letters reaches into another folder."""
    if low < "/" < high:
        return _between(low, ".") + _between("0", high)
    return _between(low, high)


def _between(low: str, high: str) -> str:
    return re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}"


class _Texts:
    """An array of texts as a sequence that ``bisect`` can look into."""

    def __init__(self, keys: pa.Array) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, at: int) -> str:
        return str(self._keys[at])
