"""Scopes: what each takes in of a collection, and the expectations that the lines make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from headcount.errors import FatalError
from headcount.rosters.patterns import WILDCARDS, Pattern, folder, glob
from headcount.rosters.read import EVERY, LINES, each_once

Photos = Callable[[], Iterable[pa.Array]]
"""The keys of a collection's photos as arrays of texts, anew with every call. Each key is in one
array; arrays that follow each other in the order of keys are gone through fastest."""

MAX_ROWS = 10_000_000
"""Expectations of a roster, at most."""
BLOCK_ROWS = 1 << 20
"""Expectations that are made at once, about: 200 MB with the texts of their lines."""
_TOLD = 5

EXPECTATIONS = pa.schema([*LINES, ("photo", pa.string())])
"""A line's columns, and the photo: null of lines with ``some`` and of scopes without a photo."""


class Kind(StrEnum):
    """The kinds of scopes."""

    PHOTO = "photo"
    FOLDER = "folder"
    GLOB = "glob"
    COLLECTION = "collection"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of a roster: its text with slashes, its pattern, and how many photos are in it."""

    text: str
    kind: Kind
    pattern: Pattern
    photos: int


Scopes = Mapping[str, Scope]
"""The scopes of a roster, by the text in its lines."""


def in_memory(keys: pa.Array | pa.ChunkedArray) -> Photos:
    """Keys that are held in memory, as photos."""
    chunks = keys.chunks if isinstance(keys, pa.ChunkedArray) else [keys]
    ordered = [_in_order(chunk) for chunk in chunks]
    return lambda: ordered


def resolve(lines: pa.Table, photos: Photos) -> dict[str, Scope]:
    """Every scope of the lines, held against the photos in one pass.

    A text that is the key of a photo is that photo, also where it looks like a folder or a glob;
    next comes the same text with slashes for backslashes. What ends with a slash is a folder, a
    ``*`` alone the collection, what has a wildcard a glob, and the rest a photo that is not there.
    """
    texts = pc.unique(lines["scope"]).to_pylist()
    forms = pa.array({form: None for text in texts for form in (text, slashed(text))}, pa.string())
    patterns = {slashed(text): _patterns(slashed(text)) for text in texts}
    counts: dict[Pattern, int] = dict.fromkeys(
        (pattern for several in patterns.values() for _, pattern in several), 0
    )
    there: set[str] = set()
    for keys in _batches(photos):
        there.update(pc.unique(forms.filter(pc.is_in(forms, value_set=keys))).to_pylist())
        for pattern in _meeting(counts, keys):
            counts[pattern] += pattern.count(keys)
    return {text: _resolved(text, patterns[slashed(text)], counts, there) for text in texts}


def slashed(text: str) -> str:
    """A scope with slashes for backslashes, and without the ``./`` before it."""
    return text.replace("\\", "/").removeprefix("./") or text


def each_resolved_once(lines: pa.Table, scopes: Scopes) -> pa.Table:
    """The first line of each scope, person and need, however the scope is spelled."""
    texts = [scopes[text].text for text in lines["scope"].to_pylist()]
    return each_once(lines, pa.array(texts, pa.string()))


def count_rows(lines: pa.Table, scopes: Scopes) -> list[int]:
    """How many expectations each line makes: one a photo with ``every``, and one otherwise."""
    return [
        max(scopes[scope].photos, 1) if needed == EVERY else 1
        for scope, needed in zip(
            lines["scope"].to_pylist(), lines["needed"].to_pylist(), strict=True
        )
    ]


def check_rows(lines: pa.Table, scopes: Scopes, source: str, most: int = MAX_ROWS) -> int:
    """The number of expectations. Raises FatalError for too many, with the lines that make most."""
    counts = count_rows(lines, scopes)
    total = sum(counts)
    if total <= most:
        return total
    largest = sorted(range(len(counts)), key=lambda row: (-counts[row], row))[:_TOLD]
    told = "".join(
        f"\n  line {lines['line'][row]}: {lines['person'][row]} in {lines['scope'][row]}, "
        f"{counts[row]:,} photos"
        for row in largest
    )
    raise FatalError(
        f"{source} expects people in {total:,} photos, and at most {most:,} are held against what "
        "was found. Name smaller folders, or say 'some' in the column needed where one photo "
        f"is enough. These lines make the most:{told}"
    )


def expand(
    lines: pa.Table, scopes: Scopes, photos: Photos, block: int = BLOCK_ROWS
) -> Iterator[pa.Table]:
    """The expectations in the order of lines and keys, as tables of about ``block`` rows or less.

    Each table takes a pass over the photos. A line of more rows than ``block`` is in one table.
    """
    counts = count_rows(lines, scopes)
    start = rows = 0
    for at, count in enumerate(counts):
        if rows and rows + count > block:
            yield _expanded(lines.slice(start, at - start), scopes, photos)
            start, rows = at, 0
        rows += count
    yield _expanded(lines.slice(start), scopes, photos)


def _expanded(lines: pa.Table, scopes: Scopes, photos: Photos) -> pa.Table:
    """The expectations of some lines."""
    resolved = [scopes[text] for text in lines["scope"].to_pylist()]
    every = pc.equal(lines["needed"], EVERY).to_pylist()
    wide: defaultdict[Pattern, list[int]] = defaultdict(list)
    exact, bare = [], []
    for row, (scope, each) in enumerate(zip(resolved, every, strict=True)):
        if not each or not scope.photos:
            bare.append(row)
        elif scope.kind == Kind.PHOTO:
            exact.append(row)
        else:
            wide[scope.pattern].append(row)
    wanted = pa.array([resolved[row].text for row in exact], pa.string())
    parts = [(pa.array(bare, pa.int64()), pa.nulls(len(bare), pa.string()))]
    for keys in _batches(photos):
        at = pc.index_in(wanted, value_set=keys)
        parts.append((pa.array(exact, pa.int64()).filter(at.is_valid()), keys.take(at.drop_null())))
        parts.extend(_of_patterns(wide, keys))
    table = pa.table(
        {
            "row": pa.chunked_array([row for row, _ in parts], pa.int64()),
            "photo": pa.chunked_array([photo for _, photo in parts], pa.string()),
        }
    ).sort_by("row")  # stable: photos stay in the order of keys
    texts = pa.array([scope.text for scope in resolved], pa.string())
    columns = lines.set_column(1, "scope", texts).take(table["row"])
    return columns.append_column("photo", table["photo"]).cast(EXPECTATIONS)


def _of_patterns(
    wide: Mapping[Pattern, list[int]], keys: pa.Array
) -> Iterator[tuple[pa.Array, pa.Array]]:
    """The rows and keys of patterns with several photos."""
    for pattern in _meeting(wide, keys):
        found = keys.take(pattern.select(keys))
        for row in wide[pattern] if len(found) else ():
            yield pa.repeat(pa.scalar(row, pa.int64()), len(found)), found


def _patterns(text: str) -> list[tuple[Kind, Pattern]]:
    """What a scope may be besides a photo, the first that has a photo first."""
    if text == "*":
        return [(Kind.COLLECTION, folder(""))]
    wild = any(letter in text for letter in WILDCARDS)
    found = []
    if text.endswith("/"):
        found.append((Kind.FOLDER, folder(text)))
    if wild:
        found.append((Kind.GLOB, glob(text + "**" if text.endswith("/") else text)))
    return found


def _resolved(
    text: str,
    patterns: list[tuple[Kind, Pattern]],
    counts: Mapping[Pattern, int],
    there: set[str],
) -> Scope:
    for form in (text, slashed(text)):
        if form in there:
            return Scope(form, Kind.PHOTO, Pattern(form, exact=True), 1)
    text = slashed(text)
    for kind, pattern in patterns:
        if counts[pattern]:
            return Scope(text, kind, pattern, counts[pattern])
    kind, pattern = patterns[-1] if patterns else (Kind.PHOTO, Pattern(text, exact=True))
    return Scope(text, kind, pattern, 0)


def _batches(photos: Photos) -> Iterator[pa.Array]:
    """The arrays of keys that are not empty, each in order."""
    for keys in photos():
        if len(keys):
            yield _in_order(keys)


def _in_order(keys: pa.Array) -> pa.Array:
    """The keys sorted, as they are if they are so already."""
    keys = keys.cast(pa.string())
    return keys if pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py() is not False else keys.sort()


def _meeting(patterns: Iterable[Pattern], keys: pa.Array) -> list[Pattern]:
    """The patterns that may take in some of the sorted keys."""
    first, last = str(keys[0]), str(keys[-1])
    return [pattern for pattern in patterns if pattern.meets(first, last)]
