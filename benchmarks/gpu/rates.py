"""Stage c: photos and faces per second by threads and profile, and the naive loop beside them.

The most important first: the default profile at the most threads and the naive loop, of each pack
and size; then the other numbers of threads; then the other profiles.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from benchmarks.gpu.asked import Asked, pack_label, photos_of
from benchmarks.gpu.budget import Clock, Deadline
from benchmarks.gpu.engine import attempt, filling, opened, seen
from benchmarks.gpu.naive import naive
from benchmarks.gpu.photos import MOST_SOURCES
from benchmarks.gpu.watch import watched
from headcount.settings import ProfileName

Cell = tuple[str, int, ProfileName, int]
"""Pack, megapixels, profile and threads; 0 threads for the naive loop."""


def measure(asked: Asked, deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Measure cell after cell, while there is time for another."""
    figures: dict[str, Any] = {"rows": [], "left_out": 0}
    pack_of = cache(partial(opened, provider=asked.provider, cache=asked.work / "cache"))
    planned = list(cells(asked, halves(asked)))
    for number, cell in enumerate(planned):
        if not deadline.allows(2 * asked.cell):
            figures["left_out"] = len(planned) - number
            break
        attempt(figures, named(cell), partial(row_of, asked, cell, pack_of))
        save(figures)
    return figures


def row_of(asked: Asked, cell: Cell, pack_of: Callable[..., Any]) -> dict[str, Any]:
    """Measure one cell."""
    pack, size, profile, threads = cell
    photos = photos_of(asked, size)
    if not threads:  # every picture once, for the same reason; the photos after them repeat them
        alone = partial(naive_seconds, pack_of(pack, batching="off"), profile)
        return measured(photos, alone, 1, asked.cell, warm=photos[:MOST_SOURCES])
    together = pack_of(pack, batching=batching_of(asked))
    work = partial(seen_seconds, together, profile)
    # twice: what is planned for each shape and size of batch is planned before it is measured
    row = measured(photos, work, threads, asked.cell, warm=[*photos, *photos])
    return row | {"filling": filling(together)}


def batching_of(asked: Asked) -> Literal["on", "off"]:
    """Choose whether photos share batches, as a worker does on its provider."""
    return "off" if asked.provider == "cpu" else "on"


def halves(asked: Asked) -> list[str]:
    """Packs in 16-bit floats that passed their gate in stage b."""
    try:
        judged = json.loads((asked.folder / "b.json").read_text())["fp16"]
    except (OSError, ValueError, KeyError):
        return []
    passed = {each["pack"] for each in judged if each["gate"] and each["passes"]}
    return [f"{pack}+fp16" for pack in asked.packs if pack_label(pack) in passed]


def cells(asked: Asked, in_half: Sequence[str] = ()) -> Iterator[Cell]:
    """List all cells, the most important first; 16-bit floats by the most threads alone."""
    first, most = asked.profiles[0], max(asked.threads)
    packs_sizes = list(itertools.product(asked.packs, asked.sizes))
    for threads in (most, 0):
        yield from ((pack, size, first, threads) for pack, size in packs_sizes)
    yield from ((pack, size, first, most) for pack in in_half for size in asked.sizes)
    wanted: list[tuple[ProfileName, int]] = []
    wanted += [(first, threads) for threads in asked.threads if threads != most]
    for profile in asked.profiles[1:]:
        wanted += [(profile, most), (profile, 0)]
    wanted += [(p, t) for p in asked.profiles[1:] for t in asked.threads if t != most]
    for profile, threads in wanted:
        yield from ((pack, size, profile, threads) for pack, size in packs_sizes)


def named(cell: Cell) -> dict[str, Any]:
    pack, size, profile, threads = cell
    return {
        "pack": pack_label(pack),
        "megapixels": size,
        "profile": profile,
        "way": "together" if threads else "naive",
        "threads": threads or 1,
    }


def seen_seconds(pack: Any, profile: ProfileName, photo: Path) -> tuple[int, dict[str, float]]:
    """Count a photo's faces as a worker finds them, with seconds by stage."""
    found = seen(photo, pack, profile)
    return len(found), found.seconds


def naive_seconds(pack: Any, profile: ProfileName, photo: Path) -> tuple[int, dict[str, float]]:
    """Count a photo's faces by the naive loop, which tells no stages apart."""
    return naive(photo, pack, profile), {}


Work = Callable[[Path], tuple[int, dict[str, float]]]


def measured(
    photos: Sequence[Path],
    work: Work,
    threads: int,
    seconds: float,
    *,
    warm: Sequence[Path] = (),
    clock: Clock = time.perf_counter,
) -> dict[str, Any]:
    """Measure photos and faces per second of threads that go round the photos for so long.

    Those that warm it up come first, and do not count.
    """
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, warm))
        began = clock()
        with watched() as gpu:
            results = list(
                pool.map(partial(_rounds, photos, work, began + seconds, clock), range(threads))
            )
        spent = clock() - began
    done = list(itertools.chain.from_iterable(results))
    faces = sum(faces for faces, _ in done)
    return {
        "photos": len(done),
        "photos_per_second": len(done) / spent,
        "faces_per_second": faces / spent,
        "decode_share": decode_share([stages for _, stages in done]),
        "shares": shares([stages for _, stages in done]),
        **gpu.summary(),
    }


def _rounds(
    photos: Sequence[Path], work: Work, end: float, clock: Clock, first: int
) -> list[tuple[int, dict[str, float]]]:
    """Work as one thread until the end, on one photo at least; threads start at other photos."""
    done = []
    for number in itertools.count(first):
        done.append(work(photos[number % len(photos)]))
        if clock() >= end:
            return done
    return done


def decode_share(stages: Sequence[dict[str, float]]) -> float | None:
    """Share of all threads' time that went into decoding; None where nobody tells."""
    total = sum(sum(each.values()) for each in stages)
    return sum(each.get("decode", 0.0) for each in stages) / total if total else None


def shares(stages: Sequence[dict[str, float]]) -> dict[str, float]:
    """Share of each stage in all threads' time; waiting for a batch counts as its stage."""
    total = sum(sum(each.values()) for each in stages)
    names = sorted({name for each in stages for name in each})
    return {name: round(sum(e.get(name, 0.0) for e in stages) / total, 3) for name in names}
