"""The results of a run: tables, lineage, diff and summary, in the contract's form."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.kept import named_jobs
from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.assignments import history
from headcount.assignments.diff import diff_assignments, diff_reread
from headcount.assignments.expectations import write_expectations
from headcount.contract import results
from headcount.contract.layout import PREPARE
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord, TableFormat
from headcount.contract.vocabulary import PROCESSED
from headcount.export import drop_formats, scratch, write_table
from headcount.rosters.changes import diff_absences, kept_expectations
from headcount.storage import Store
from workers.identity.captions import captions
from workers.identity.cluster_ids import changes
from workers.identity.company import people_by_date, people_by_folder, together
from workers.identity.previous_run import job_before, previous_expectations, whole_job_before
from workers.identity.same_photos import reread_photos
from workers.people.gallery import Gallery
from workers.report.run_result import RunResult, counted
from workers.runtime.unit import Unit
from workers.stages.assign import clusters_in, people_in
from workers.stages.first_look import FirstLook
from workers.stages.job_tables import job_tables
from workers.stages.left import find_left
from workers.stages.unique import require_unique
from workers.tables.columns import one_array

_FAILURES = pa.schema([results.PHOTOS.field(name) for name in ("photo", "outcome", "reason")])
_TAKEN = pa.schema([results.PHOTOS.field(name) for name in ("photo", "taken")])


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
    renames: Renames | None = None,
) -> RunResult:
    """Write the tables of a run, and keep its assignments and expectations for the next run.

    ``names`` are the NAMINGS of the clusters, ``previous`` the assignments of the run before, and
    ``told`` those that changes are told since, where these are others. ``expected_forgotten``
    counts lines of the roster about people who were forgotten. The tables of a first ``look`` are
    of its photos; the assignments that are kept are of all. People who have another name since the
    run before, by ``renames``, are the same in the diff; the lineage says so.
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
        run = _keep(unit, tables, before, assignments, run, look=look, renames=renames or Renames())
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
    renames: Renames,
) -> RunResult:
    """Keep this job's assignments and expectations, and write how they differ from the run before.

    The result has the numbers of absences that are new or ended, where anybody was expected before.
    """
    archived = job_tables(unit)
    collection = archived.collection
    previous = with_present_names(previous, renames)
    both = (previous, assignments) if look is None else map(look.of_drawn, (previous, assignments))
    before_it, after_it = both
    diff = diff_assignments(before_it, after_it) | _reread(unit, before_it, after_it)
    before = with_present_names(previous_expectations(archived, unit.job_id), renames)
    kept = kept_expectations(run.expected)
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
    failures, taken = [_FAILURES.empty_table()], [_TAKEN.empty_table()]
    write = tables.write
    write("photos", results.PHOTOS, _photo_tables(unit, outcomes, failures, taken, look))
    write("faces", results.FACES, iter([faces.select(results.FACES.names)]))
    people, clusters = people_table(faces, gallery), results.clusters_table(faces, names)
    write("people", results.PEOPLE, iter([people]))
    write("clusters", results.CLUSTERS, iter([clusters]))
    write("expected", results.EXPECTED, iter([expected]))
    _write_company(tables, faces, pa.concat_tables(taken))
    failed = pa.concat_tables(failures)
    run = RunResult(faces, people, clusters, dict(outcomes), failed, gallery, expected)
    return run if look is None else replace(run, sample_of=look.total)


def _write_company(tables: _Tables, faces: pa.Table, taken: pa.Table) -> None:
    """Write captions, people by folder and by date, and who is with whom."""
    folders, dates = people_by_folder(faces), people_by_date(faces, taken)
    tables.write("captions", results.CAPTIONS, captions(faces))
    tables.write("people_by_folder", results.PEOPLE_BY_FOLDER, iter([folders]))
    tables.write("people_by_date", results.PEOPLE_BY_DATE, iter([dates]))
    tables.write("together", results.TOGETHER, iter([together(faces)]))


def _photo_tables(
    unit: Unit,
    outcomes: Counter[str],
    failures: list[pa.Table],
    taken: list[pa.Table],
    look: FirstLook | None,
) -> Iterator[pa.Table]:
    """The photos in key order; adds to ``outcomes``, ``failures`` and ``taken`` on the way."""
    tables = job_tables(unit)
    scan = tables.photos.scan(results.PHOTOS, where=tables.of_collection, order_by=["photo"])
    for batch in scan:
        table = pa.Table.from_batches([batch])
        table = table if look is None else look.of_drawn(table)
        outcomes.update(counted(table["outcome"]))
        bad = table.filter(pc.invert(pc.is_in(table["outcome"], pa.array(sorted(PROCESSED)))))
        failures.append(bad.select(_FAILURES.names))
        taken.append(table.filter(pc.is_valid(table["taken"])).select(_TAKEN.names))
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
