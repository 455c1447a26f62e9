"""The results of a run: tables, lineage, diff and summary, in the contract's form."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount import __version__
from headcount.answers.kept import named_jobs
from headcount.assignments import history
from headcount.assignments.diff import diff_assignments, diff_reread
from headcount.assignments.expectations import write_expectations
from headcount.contract import results
from headcount.contract.layout import PREPARE
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord, TableFormat
from headcount.contract.vocabulary import PROCESSED
from headcount.export import drop_formats, scratch, write_table
from headcount.rosters.changes import diff_absences, kept_expectations
from headcount.rosters.read import Roster
from headcount.storage import Store
from workers.identity.cluster_ids import changes
from workers.identity.previous_run import job_before, previous_expectations, whole_job_before
from workers.identity.same_photos import reread_photos
from workers.matching.look_alikes import LookAlike
from workers.models.packs.of_archive import kept_by_cosine
from workers.people.gallery import Gallery
from workers.report.run_result import RunResult, counted
from workers.runtime.unit import Unit
from workers.stages.assign import clusters_in, people_in
from workers.stages.first_look import FirstLook
from workers.stages.job_tables import job_tables
from workers.stages.left import find_left
from workers.stages.unique import require_unique
from workers.tables.columns import one_array

LINES_TOLD = 20
"""Numbers of lines that expect nobody, at most."""
_FAILURES = pa.schema([results.PHOTOS.field(name) for name in ("photo", "outcome", "reason")])


def write_run(
    unit: Unit,
    out: Store,
    faces: pa.Table,
    names: pa.Table,
    previous: pa.Table,
    *,
    gallery: Gallery,
    expected: pa.Table,
    expected_forgotten: int = 0,
    told: pa.Table | None = None,
    look: FirstLook | None = None,
) -> RunResult:
    """Write the tables of a run, and keep its assignments and expectations for the next run.

    ``names`` are the NAMINGS of the clusters, ``previous`` the assignments of the run before, and
    ``told`` those that changes are told since, where these are others. ``expected_forgotten``
    counts lines of the roster about people who were forgotten. The tables of a first ``look`` are
    of its photos; the assignments that are kept are of all.
    """
    require_unique(faces)
    with scratch() as folder:
        tables = _Tables(out, unit.spec, folder)
        run = _write_tables(
            unit, tables, faces, names, gallery=gallery, expected=expected, look=look
        )
        older = job_tables(unit).count_older()
        run = replace(run, expected_forgotten=expected_forgotten, older_reading=older)
        assignments = faces.select(history.ASSIGNMENTS.names)
        _write_lineage(unit, tables, previous, told, assignments, look=look)
        before = previous if told is None else told
        run = _keep(unit, tables, before, assignments, run, look=look)
    left = find_left(unit.store, unit.job_id)
    return replace(
        run,
        formats_removed=tuple(sorted(tables.removed)),
        left_out=_left_out(unit),
        left=left[1].photos if left else 0,
    )


def _left_out(unit: Unit) -> dict[str, Any]:
    """What the job's planning and its first unit left out, and what planning let alone."""
    told: dict[str, Any] = {"other_objects": 0, "other_suffixes": {}, "left_out": {}}
    if plan := find_record(unit.store, unit.keys.plan, PlanRecord):
        told = plan.model_dump(include=set(told))
    prepared = find_record(unit.store, unit.keys.done(PREPARE), DoneMarker)
    return {**told, "references_left_out": prepared.left_out if prepared else {}}


@dataclass(frozen=True, slots=True)
class _Tables:
    """Tables on their way to ``out``; ``removed`` are the formats of the run before that went."""

    out: Store
    spec: JobSpec
    folder: Path
    removed: set[TableFormat] = field(default_factory=set)

    def write(self, name: str, schema: pa.Schema, parts: Iterator[pa.Table]) -> None:
        """Write a table in the job's formats, and remove it in others that an earlier run wrote."""
        formats, form = self.spec.formats, self.spec.sheets
        write_table(self.out, name, schema, parts, formats=formats, folder=self.folder, form=form)
        self.removed.update(drop_formats(self.out, name, schema, keep=formats))


def _write_lineage(
    unit: Unit,
    tables: _Tables,
    previous: pa.Table,
    told: pa.Table | None,
    assignments: pa.Table,
    *,
    look: FirstLook | None,
) -> None:
    """Keep the lineage since the run before, and write the one that is told."""
    lineage = _lineage(unit, previous, assignments)
    key = unit.pack_keys.lineage(job_tables(unit).collection, unit.job_id)
    history.write_table(unit.fenced, key, lineage)
    before = previous if told is None else told
    shown = lineage if told is None else _lineage(unit, told, assignments)
    if look is not None:
        here = (look.of_drawn(some)["cluster_id"] for some in (assignments, before))
        now, was = (one_array(pc.unique(clusters).drop_null()) for clusters in here)
        shown = shown.filter(
            pc.or_(pc.is_in(shown["cluster_id"], now), pc.is_in(shown["earlier_id"], was))
        )
    tables.write("lineage", results.LINEAGE, iter([shown]))


def _lineage(unit: Unit, before: pa.Table, after: pa.Table) -> pa.Table:
    """The lineage of the clusters of two jobs' assignments."""
    found = changes(clusters_in(before), clusters_in(after), people_in(before), people_in(after))
    return found.add_column(0, "job_id", pa.repeat(unit.job_id, len(found)))


def _keep(
    unit: Unit,
    tables: _Tables,
    previous: pa.Table,
    assignments: pa.Table,
    run: RunResult,
    *,
    look: FirstLook | None,
) -> RunResult:
    """Keep this job's assignments and expectations, and write how they differ from the run before.

    The result has the numbers of absences that are new or ended, where anybody was expected before.
    """
    archived = job_tables(unit)
    collection = archived.collection
    both = (previous, assignments) if look is None else map(look.of_drawn, (previous, assignments))
    before_it, after_it = both
    diff = diff_assignments(before_it, after_it) | _reread(unit, before_it, after_it)
    before, kept = previous_expectations(archived, unit.job_id), kept_expectations(run.expected)
    absences = diff_absences(before, kept)
    counts = {**diff["counts"], **absences["counts"]}
    write_json(tables.out, results.DIFF, {**diff, **absences, "counts": counts})
    history.write_assignments(
        unit.fenced,
        unit.pack_keys,
        collection,
        unit.job_id,
        assignments,
        before=job_before(archived, unit.job_id),
        needed=named_jobs(unit.store),
        keep=unit.context.settings.assignments_kept(history.KEPT),
    )
    write_expectations(unit.fenced, archived.keys, collection, unit.job_id, kept)
    return replace(run, absence_changes=absences["counts"] if before.num_rows else {})


def _reread(unit: Unit, previous: pa.Table, assignments: pa.Table) -> dict[str, Any]:
    """The section of the diff about photos that this job read anew; none where there are none."""
    archived = job_tables(unit)
    last = whole_job_before(archived, unit.job_id)  # as the rest of the diff
    photos = reread_photos(archived, unit.job_id, last)
    if not photos.num_rows:
        return {}
    return {
        "reread": {
            "since": last,
            "job_id": unit.job_id,
            **diff_reread(previous, assignments, photos),
        }
    }


def _write_tables(
    unit: Unit,
    tables: _Tables,
    faces: pa.Table,
    names: pa.Table,
    *,
    gallery: Gallery,
    expected: pa.Table,
    look: FirstLook | None,
) -> RunResult:
    faces = faces if look is None else look.of_drawn(faces)
    outcomes: Counter[str] = Counter()
    failures = [_FAILURES.empty_table()]
    write = tables.write
    write("photos", results.PHOTOS, _photo_tables(unit, outcomes, failures, look))
    write("faces", results.FACES, iter([faces.select(results.FACES.names)]))
    people, clusters = people_table(faces, gallery), results.clusters_table(faces, names)
    write("people", results.PEOPLE, iter([people]))
    write("clusters", results.CLUSTERS, iter([clusters]))
    write("expected", results.EXPECTED, iter([expected]))
    failed = pa.concat_tables(failures)
    run = RunResult(faces, people, clusters, dict(outcomes), failed, gallery, expected)
    return run if look is None else replace(run, sample_of=look.total)


def _photo_tables(
    unit: Unit, outcomes: Counter[str], failures: list[pa.Table], look: FirstLook | None
) -> Iterator[pa.Table]:
    """The photos in key order; adds to ``outcomes`` and ``failures`` on the way."""
    tables = job_tables(unit)
    scan = tables.photos.scan(results.PHOTOS, where=tables.of_collection, order_by=["photo"])
    for batch in scan:
        table = pa.Table.from_batches([batch])
        table = table if look is None else look.of_drawn(table)
        outcomes.update(counted(table["outcome"]))
        bad = table.filter(pc.invert(pc.is_in(table["outcome"], pa.array(sorted(PROCESSED)))))
        failures.append(bad.select(_FAILURES.names))
        yield table


def people_table(faces: pa.Table, gallery: Gallery) -> pa.Table:
    """One row per enrolled person: references, and the photos and faces that are the person's."""
    named = faces.select(["person_id", "photo"]).filter(pc.is_valid(faces["person_id"]))
    count = [("photo", "count"), ("photo", "count_distinct")]
    found = named.group_by("person_id").aggregate(count)
    ids = pa.array(gallery.person_ids, pa.string())
    at = pc.index_in(ids, value_set=found["person_id"].combine_chunks())
    columns = {
        "person_id": ids,
        "person": pa.array(gallery.names, pa.string()),
        "reference_count": pa.array(
            np.diff(gallery.starts, append=len(gallery.photos)), pa.int32()
        ),
        "photos": found["photo_count_distinct"].take(at).fill_null(0).cast(pa.int32()),
        "faces": found["photo_count"].take(at).fill_null(0).cast(pa.int32()),
    }
    return pa.table(columns, schema=results.PEOPLE)


def write_json(out: Store, key: str, content: Mapping[str, Any]) -> None:
    """Write an object for people and programs to read."""
    out.put(key, json.dumps(content, indent=1, ensure_ascii=False).encode())


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
        "sample": run.sample_of is not None,
        **({} if run.sample_of is None else {"sample_of": run.sample_of}),
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
