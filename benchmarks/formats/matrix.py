"""Reads a picture of every kind that independent writers make, and compares with its source.

    python -m benchmarks.formats.matrix [--save FILE] [--before FILE] [--all]
    python -m benchmarks.formats.matrix --checkout FOLDER --module workers.decode --save FILE

Written by tifffile, imagecodecs, libvips, OpenCV and Pillow (extra `formats`), and by hand where
none of them writes a kind. A picture is right where it is near its source, or near what an
independent reader makes of the file; wrong where it is neither and no reason was given. --save
keeps the outcome of each kind; --before compares with a kept one: a kind that was right must not
be refused or wrong. --checkout reads with the `decode` of --module of another checkout (in
older ones that is `workers.decode`).
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.formats.kinds import LOSSLESS, Kind

Decode = Callable[..., Any]


def kinds() -> Iterator[Kind]:
    """Every kind of the matrix."""
    from benchmarks.formats.others import others
    from benchmarks.formats.tiffs import tiffs

    yield from tiffs()
    yield from others()


def difference(one: Any, other: Any) -> float:
    """The mean difference in levels; that of pictures of two sizes is without end."""
    return float(np.abs(one.astype(int) - other).mean()) if one.shape == other.shape else np.inf


def outcome_of(kind: Kind, data: bytes, decode: Decode) -> str:
    """Tell `right`, `wrong by N` or the reason."""
    from benchmarks.formats.readers import readings

    try:
        picture = decode(data, max_pixels=10**8, min_long_side=0).image
    except Exception as error:  # S110: any fault of another checkout is a refusal
        return str(error)
    away, others = difference(picture, kind.source()), readings(data)
    apart = {name: round(difference(picture, one), 1) for name, one in others.items()}
    confirmed = min(apart.values(), default=np.inf) <= LOSSLESS
    if away > kind.near or not (confirmed or kind.near <= LOSSLESS):
        return f"wrong by {away:.1f} from its source, by others {apart}"
    return "right" if confirmed else f"right by its source, by others {apart}"


def run(decode: Decode, only: str) -> dict[str, str]:
    """The outcome of every kind whose writer is able to make it."""
    found = {}
    for kind in kinds():
        if only not in kind.name:
            continue
        try:
            data = kind.write()
        except Exception as error:  # S110: a build of a writer without this kind
            print(f"not written: {kind.name} ({error})", file=sys.stderr)
            continue
        found[kind.name] = outcome_of(kind, data, decode)
    return found


def word(outcome: str) -> str:
    """The first word of an outcome: right, wrong or refused."""
    first = outcome.split(" ", maxsplit=1)[0]
    return first if first in ("right", "wrong") else "refused"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--checkout", type=Path)
    arguments.add_argument("--module", default="workers.images.decode")
    arguments.add_argument("--only", default="")
    arguments.add_argument("--save", type=Path)
    arguments.add_argument("--before", type=Path)
    arguments.add_argument("--all", action="store_true")
    asked = arguments.parse_args()
    if asked.checkout:
        sys.path.insert(0, str(asked.checkout))
    found = run(importlib.import_module(asked.module).decode, asked.only)
    for name, outcome in found.items():
        if asked.all or word(outcome) != "right":
            print(f"{name}: {outcome}")
    print(dict(Counter(map(word, found.values()))))
    print(f"{list(found.values()).count('right')} of the right ones by another reader as well")
    if asked.save:
        asked.save.write_text(json.dumps(found, indent=1))
    if asked.before:
        compare(json.loads(asked.before.read_text()), found)


def compare(before: dict[str, str], now: dict[str, str]) -> None:
    """Print how outcomes changed; end with 1 where one got worse, or any is wrong."""
    both = before.keys() & now.keys()
    changes = Counter(f"{word(before[name])} -> {word(now[name])}" for name in both)
    for change, count in sorted(changes.items()):
        print(f"{change}: {count}")
    worse = [name for name in both if word(before[name]) == "right" and word(now[name]) != "right"]
    if worse or any(word(outcome) == "wrong" for outcome in now.values()):
        print("worse:", *sorted(worse))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
