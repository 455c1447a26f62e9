"""The figures of all stages as one document and as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.gpu.asked import Asked, pack_label
from benchmarks.gpu.runner import Ended

Row = Mapping[str, Any]
TARGETS = ((12, 10.0), (1, 5.0))
"""Megapixels, and how many times the naive loop's photos per second."""
WIDEST = 160
"""Characters of a cell; the JSON has all of them."""
OF_DECODING = (12, 0.7)
"""Megapixels, and the share of what the decoder alone does."""


def document(asked: Asked, ended: Sequence[Ended]) -> dict[str, Any]:
    """Join all figures: the machine, seconds by stage, a row by pack, size and profile."""
    figures = {each.stage.name: each.figures for each in ended}
    found = [
        row(figures, pack_label(pack), size, profile, first=profile == asked.profiles[0])
        for pack in asked.packs
        for size in asked.sizes
        for profile in asked.profiles
    ]
    return {
        "provider": asked.provider,
        "machine": figures.get("a") or None,
        "stages": {each.stage.name: each.summary() for each in ended},
        "rows": found,
        "fp16": figures.get("b", {}).get("fp16"),
        "rates": figures.get("c", {}).get("rows"),
        "decoding": figures.get("d", {}).get("rows"),
        "scaling": figures.get("e", {}).get("rows"),
        "targets": targets([each for each in found if each["profile"] == asked.profiles[0]]),
    }


def row(
    figures: Mapping[str, Any], pack: str, size: int, profile: str, *, first: bool
) -> dict[str, Any]:
    """Build the row of a pack, size and profile; None where nothing was measured.

    Agreement with the CPU and the run from end to end are of the ``first`` profile alone.
    """
    key = {"pack": pack, "megapixels": size}
    rates = key | {"profile": profile}
    together = _all(figures, "c", rates | {"way": "together"})
    best = max(together, key=lambda each: each["photos_per_second"], default={})
    naive = _one(figures, "c", rates | {"way": "naive"}).get("photos_per_second")
    whole = _one(figures, "f", key) if first else {}
    same = _one(figures, "b", key) if first else {}
    decoded = _one(figures, "d", {"way": "cpu", "megapixels": size}).get("photos_per_second")
    rate = max(
        (r for r in (best.get("photos_per_second"), whole.get("photos_per_second")) if r),
        default=None,
    )
    return rates | {
        "naive_per_second": naive,
        "one_process_per_second": best.get("photos_per_second"),
        "threads": best.get("threads"),
        "end_to_end_per_second": whole.get("photos_per_second"),
        "ratio": _ratio(rate, naive),
        "decoder_per_second": decoded,
        "of_decoder": _ratio(rate, decoded),
        "decode_share": best.get("decode_share"),
        "gpu_busy": best.get("gpu_busy"),
        "gpu_memory": max((m for r in together if (m := r.get("gpu_memory"))), default=None),
        "cosine": same.get("cosine"),
        "faces_cpu": same.get("faces_cpu"),
        "faces": same.get("faces"),
        "landmarks": same.get("landmarks"),
        "passes": same.get("passes"),
    }


def _all(figures: Mapping[str, Any], stage: str, wanted: Row) -> list[Row]:
    rows = figures.get(stage, {}).get("rows", [])
    return [each for each in rows if wanted.items() <= each.items()]


def _one(figures: Mapping[str, Any], stage: str, wanted: Row) -> Row:
    return next(iter(_all(figures, stage, wanted)), {})


def _ratio(rate: float | None, other: float | None) -> float | None:
    return rate / other if rate and other else None


def targets(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Hold each pack to each target: the value measured, and whether it is enough."""
    found = []
    for each in rows:
        wanted = [("times the naive loop", "ratio", *target) for target in TARGETS]
        wanted.append(("of the decoder alone", "of_decoder", *OF_DECODING))
        for words, field, size, least in wanted:
            if each["megapixels"] == size:
                value = each[field]
                met = None if value is None else value >= least
                target = {"target": f"{size} MP: {least:g} {words}", "pack": each["pack"]}
                found.append({**target, "measured": value, "met": met})
    return found


# -- tables ---------------------------------------------------------------------------------------


def table(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """Format rows as a table, columns in the order in which they first appear."""
    names = list(columns) or list(dict.fromkeys(name for each in rows for name in each))
    lines = [names, *([shown(each.get(name)) for name in names] for each in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def shown(value: Any) -> str:
    """Format a value for a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 or 0.99 < value < 1.01 else f"{value:.1f}"
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}..."


def said(value: Any) -> str:
    """Format a value in full, for a line of its own."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value if isinstance(value, str) else shown(value)


def told(ended: Ended) -> str:
    """Format a stage as it is printed when it ends: its status and its tables."""
    stage = ended.stage
    head = f"== {stage.name}: {stage.title}: {ended.status} in {ended.seconds:.1f} s"
    parts = [f"{head}{f' ({ended.reason})' if ended.reason else ''}"]
    plain = {k: v for k, v in ended.figures.items() if not _is_table(v)}
    parts += [f"{name}: {said(value)}" for name, value in plain.items()]
    parts += [table(value) for value in ended.figures.values() if _is_table(value)]
    return "\n".join(parts)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)
