"""The summary of a run: counts, seconds, versions, model pack and spec."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from headcount import __version__
from headcount.contract import results
from headcount.contract.record import now, read_record
from headcount.contract.stored.jobs import DoneMarker
from headcount.rosters.read import Roster
from workers.matching.look_alikes import LookAlike
from workers.models.packs.of_archive import kept_by_cosine
from workers.report.run_result import RunResult
from workers.runtime.unit import Unit

LINES_TOLD = 20
"""Numbers of lines that expect nobody, at most."""


def summary(
    unit: Unit,
    run: RunResult,
    *,
    seconds: Mapping[str, float],
    shown: Mapping[str, int],
    threshold: float,
    prepared: DoneMarker,
    roster: Roster,
    look_alikes: Sequence[LookAlike] = (),
) -> dict[str, Any]:
    """Counts, seconds, versions, pack and spec of a run; ``prepared`` is its first marker."""
    embedding, kept = embed_totals(unit)
    return {
        "job_id": unit.job_id,
        "finished": now().isoformat(),
        **_of_sample(run),
        "photos": run.photos,
        "left": run.left,
        **run.left_out,
        "outcomes": run.outcomes,
        "older_reading": run.older_reading,
        "kept": kept,
        "faces": run.faces.num_rows,
        "decisions": run.decisions,
        "people": run.people.num_rows,
        "people_found": run.people_found,
        "clusters": run.unnamed.num_rows,
        "clusters_dismissed": run.dismissed,
        "expected": run.expected.num_rows,
        "expected_missing": run.absences.num_rows,
        "expected_statuses": run.expected_statuses,
        "expected_changes": run.absence_changes,
        "expected_forgotten": run.expected_forgotten,
        "expected_lines_without_person": _lines(roster.nobody),
        "expected_lines_without_scope": _lines(roster.nowhere),
        **_of_references(prepared),
        "formats_removed": list(run.formats_removed),
        "calibration_ignored": kept_by_cosine(unit.store, unit.pack_keys),
        results.LOOK_ALIKES: [asdict(pair) for pair in look_alikes],
        "shown": dict(shown),
        "threshold": round(threshold, 4),
        "seconds": {
            "embed": embedding,
            "reduce": {stage: round(value, 3) for stage, value in seconds.items()},
        },
        "model": unit.record.model_dump(mode="json"),
        "versions": {"headcount": __version__, "python": platform.python_version()},
        "spec": unit.spec.model_dump(mode="json"),
    }


def _of_sample(run: RunResult) -> dict[str, Any]:
    """Whether it was a first look, and at how many photos."""
    return (
        {"sample": False} if run.sample_of is None else {"sample": True, "sample_of": run.sample_of}
    )


def _of_references(prepared: DoneMarker) -> dict[str, Any]:
    """What became of references, and the reading that they were read with."""
    return {
        "references_forgotten": prepared.counts.get("forgotten_references", 0),
        "references_reread": prepared.counts.get("reread_references", 0),
        "references_older": prepared.counts.get("older_references", 0),
        "reading": prepared.reading,
    }


def _lines(numbers: Sequence[int]) -> dict[str, Any]:
    """How many lines of a roster there are of a kind, and the numbers of the first of them."""
    return {"count": len(numbers), "first": list(numbers[:LINES_TOLD])}


def embed_totals(unit: Unit) -> tuple[dict[str, float], int]:
    """Totals over the shards of this job: seconds per stage, of all threads; photos kept as is."""
    seconds: Counter[str] = Counter()
    kept = 0
    for info in unit.store.list(unit.keys.done_folder):
        if "/embed-" in info.key:
            marker = read_record(unit.store, info.key, DoneMarker)
            seconds.update(marker.stages)
            kept += len(marker.kept)
    return {stage: round(value, 3) for stage, value in seconds.items()}, kept
