"""Stage b: on the provider the same faces as on the CPU, in fp32 without TF32; then fp16's gate."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from typing import Any

from benchmarks.gpu.agreement import agreement
from benchmarks.gpu.asked import Asked, pack_label, photos_of
from benchmarks.gpu.budget import Deadline
from benchmarks.gpu.engine import all_seen, attempt, opened
from benchmarks.gpu.half import judged

MOST = 12
"""Photos of each size; further ones are the same pictures again."""
FOR_HALF = 0.4
"""The share of the stage that is left for fp16."""
FOR_GATE, WITHOUT_GATE = 20, 5
"""Seconds that fp16 of one pack needs at least: it cannot be stopped half way."""


def measure(asked: Asked, deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Compare by pack and size, the largest photos last; then judge fp16 of each pack."""
    figures: dict[str, Any] = {"rows": [], "fp16": []}
    whole = deadline.left()
    pack_of = cache(partial(opened, cache=asked.work / "cache"))
    for pack, size in itertools.product(asked.packs, asked.sizes):
        if not deadline.allows(FOR_HALF * whole):
            break
        key = {"pack": pack_label(pack), "megapixels": size}
        attempt(figures, key, partial(compared, asked, pack, size, pack_of))
        save(figures)
    for pack in asked.packs:
        figures["fp16"].append({"pack": pack_label(pack)} | half_of(asked, pack, deadline))
        save(figures)
    return figures


def half_of(asked: Asked, pack: str, deadline: Deadline) -> dict[str, Any]:
    """Judge fp16 of a pack; the reason where there is no time for it."""
    needed = FOR_GATE if asked.people else WITHOUT_GATE
    if deadline.allows(needed):
        return judged(asked, pack)
    reason = f"{deadline.left():.0f} s were left, and it needs {needed}"
    return {"gate": bool(asked.people), "passes": None, "reason": reason}


def compared(asked: Asked, pack: str, size: int, pack_of: Callable[..., Any]) -> dict[str, Any]:
    """Compare a pack on the CPU with it on the provider, its photos sharing batches."""
    plain = pack_of(pack, provider="cpu", batching="off")
    tested = pack_of(pack, provider=asked.provider, batching="on")
    photos, began = photos_of(asked, size)[:MOST], time.perf_counter()
    threads = max(asked.threads)
    found = agreement(all_seen(photos, plain, threads), all_seen(photos, tested, threads))
    spent = round(time.perf_counter() - began, 2)
    return {**asdict(found), "passes": found.passes, "seconds": spent}
