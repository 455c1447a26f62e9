"""The reduce stage: match, cluster the rest, write the results in the contract's form."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount import __version__
from headcount.assignments import history
from headcount.assignments.diff import diff_assignments
from headcount.contract import results
from headcount.contract.forgotten import forgotten_people
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import DoneMarker, SplitRecord
from headcount.contract.vocabulary import PROCESSED
from headcount.export import drop_formats, scratch, write_table
from headcount.storage import Store
from workers.identity.apply_answers import enrol_named, load_decisions
from workers.identity.cluster_ids import changes, name_clusters
from workers.identity.inherit import inherit_names
from workers.identity.previous_run import earlier_roll
from workers.identity.remap import find_restated, restate_decisions
from workers.people.expected import load_expectations, passed_over
from workers.people.gallery import Gallery, load_gallery
from workers.report.run_result import RunResult, counted
from workers.runtime.fenced_store import FencedStore
from workers.runtime.stopwatch import Stopwatch
from workers.runtime.unit import Unit
from workers.stages.assign import (
    add_clusters,
    add_lent_names,
    applied_threshold,
    clusters_in,
    decide,
    find_clusters,
    people_in,
    to_cluster,
)
from workers.stages.split_tasks import handed_edges, handed_matches
from workers.tables.faces import load_faces

_FAILURES = pa.schema([results.PHOTOS.field(name) for name in ("photo", "outcome", "reason")])


def reduce_job(unit: Unit) -> DoneMarker:
    """Say who every face of the collection is, and write that down; the summary comes last.

    Where the stage was split, faces were compared with the gallery and each other by others.
    """
    from workers.report.publish import publish  # pictures and templates: only where they are made

    clock = Stopwatch()
    out = FencedStore(unit.confirm, unit.context.open(unit.spec.out))
    split = find_record(unit.store, unit.keys.split, SplitRecord)
    unit.grow_tables()
    faces, embeddings = load_faces(unit, split)
    restated = find_restated(unit, faces, embeddings)
    restate_decisions(unit, faces, restated)
    decided = load_decisions(unit, faces)
    references = unit.table(unit.pack_keys.gallery)
    if split is None:
        enrol_named(unit, faces, embeddings, decided)
        inherit_names(unit, faces, embeddings, decided)
    gallery = load_gallery(
        references if split is None else references.at(split.gallery_version),
        forgotten=forgotten_people(unit.store),
    )
    clock.lap("load")
    threshold = applied_threshold(unit, gallery)
    faces = decide(
        faces,
        embeddings,
        gallery,
        unit.figures,
        threshold=threshold,
        rejected=decided.rejected,
        matches=None if split is None else handed_matches(unit, split).at(embeddings.order),
    )
    clock.lap("match")
    rows, face_ids = to_cluster(faces)
    chosen = embeddings.at(rows)
    edges = handed_edges(unit, split) if split is not None and split.groups else None
    labels = find_clusters(unit, faces["photo"].take(rows), face_ids, chosen, decided, edges=edges)
    del chosen, embeddings, edges
    earlier = earlier_roll(unit, faces, restated)
    ids = name_clusters(labels, face_ids, clusters_in(earlier))
    faces = add_clusters(faces, face_ids, ids)
    faces, names = add_lent_names(faces, decided.rejected)
    clock.lap("cluster")
    with scratch() as folder:
        roll = _write_tables(unit, out, faces, gallery, names, folder=folder)
        _keep(unit, out, earlier, roll, folder)
    clock.lap("write")
    shown = publish(unit, out, roll, clock.seconds, threshold=threshold)
    clock.lap("publish")
    summary = _summary(unit, roll, clock.seconds, shown, threshold=threshold)
    out.put(results.SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False).encode())
    return _done(unit, roll, clock)


def _done(unit: Unit, roll: RunResult, clock: Stopwatch) -> DoneMarker:
    return unit.done(
        **clock.report(),
        photos=roll.photos,
        faces=roll.faces.num_rows,
        outcomes=roll.outcomes,
        counts={
            "failures": sum(n for o, n in roll.outcomes.items() if o not in PROCESSED),
            "people": roll.people.num_rows,
            "people_found": roll.people_found,
            "clusters": roll.unnamed.num_rows,
            "expected_missing": roll.expectations.missing_total,
            **{f"faces_{decision}": number for decision, number in roll.decisions.items()},
        },
    )


def _keep(unit: Unit, out: Store, earlier: pa.Table, roll: RunResult, folder: Path) -> None:
    """Keep what this job said, and what that changed: lineage and diff."""
    collection = unit.collection_id
    now_said = roll.faces.select(history.ASSIGNMENTS.names)
    found = changes(
        clusters_in(earlier), clusters_in(now_said), people_in(earlier), people_in(now_said)
    )
    lineage = found.add_column(0, "job_id", pa.repeat(unit.job_id, len(found)))
    key = unit.pack_keys.lineage(collection, unit.job_id)
    history.write_table(unit.kept, key, lineage)
    formats = unit.spec.formats
    write_table(out, "lineage", results.LINEAGE, iter([lineage]), formats=formats, folder=folder)
    drop_formats(out, "lineage", results.LINEAGE, keep=formats)
    difference = diff_assignments(earlier, now_said)
    out.put(results.DIFF, json.dumps(difference, indent=1, ensure_ascii=False).encode())
    history.write_assignments(unit.kept, unit.pack_keys, collection, unit.job_id, now_said)


def _write_tables(
    unit: Unit,
    out: Store,
    faces: pa.Table,
    gallery: Gallery,
    names: pa.Table,
    *,
    folder: Path,
) -> RunResult:
    spec = unit.spec
    outcomes: Counter[str] = Counter()
    failures = [_FAILURES.empty_table()]
    expectations = load_expectations(unit, faces, gallery.names)

    def write(name: str, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
        write_table(out, name, schema, tables, formats=spec.formats, folder=folder)
        drop_formats(out, name, schema, keep=spec.formats)

    write("photos", results.PHOTOS, _photo_tables(unit, outcomes, failures))
    write("faces", results.FACES, iter([faces.select(results.FACES.names)]))
    people, clusters = (
        people_table(faces, gallery),
        results.clusters_table(faces, names),
    )
    write("people", results.PEOPLE, iter([people]))
    write("clusters", results.CLUSTERS, iter([clusters]))
    failed = pa.concat_tables(failures)
    return RunResult(faces, people, clusters, dict(outcomes), failed, expectations, gallery)


def _photo_tables(
    unit: Unit, outcomes: Counter[str], failures: list[pa.Table]
) -> Iterator[pa.Table]:
    """The photos in key order; outcomes are counted and failures kept on the way."""
    scan = unit.table(unit.pack_keys.photos).scan(
        results.PHOTOS, where=unit.of_collection, order_by=["photo"]
    )
    for batch in scan:
        table = pa.Table.from_batches([batch])
        outcomes.update(counted(table["outcome"]))
        bad = table.filter(pc.invert(pc.is_in(table["outcome"], pa.array(sorted(PROCESSED)))))
        failures.append(bad.select(_FAILURES.names))
        yield table


def people_table(faces: pa.Table, gallery: Gallery) -> pa.Table:
    """One row per enrolled person: how many references, and where the person was found."""
    named = faces.select(["person_id", "photo"]).filter(pc.is_valid(faces["person_id"]))
    count = [("photo", "count"), ("photo", "count_distinct")]
    found = named.group_by("person_id").aggregate(count)
    ids = pa.array(gallery.person_ids, pa.string())
    at = pc.index_in(ids, value_set=found["person_id"].combine_chunks())
    columns = {
        "person_id": ids,
        "person": pa.array(gallery.names, pa.string()),
        "references": pa.array(np.diff(gallery.starts, append=len(gallery.photos)), pa.int32()),
        "photos": found["photo_count_distinct"].take(at).fill_null(0).cast(pa.int32()),
        "faces": found["photo_count"].take(at).fill_null(0).cast(pa.int32()),
    }
    return pa.table(columns, schema=results.PEOPLE)


def _summary(
    unit: Unit,
    roll: RunResult,
    seconds: dict[str, float],
    shown: dict[str, int],
    *,
    threshold: float,
) -> dict[str, Any]:
    return {
        "job_id": unit.job_id,
        "finished": now().isoformat(),
        "photos": roll.photos,
        "outcomes": roll.outcomes,
        "faces": roll.faces.num_rows,
        "decisions": roll.decisions,
        "people": roll.people.num_rows,
        "people_found": roll.people_found,
        "clusters": roll.unnamed.num_rows,
        "expected": roll.expectations.total,
        "expected_missing": roll.expectations.missing_total,
        "expected_photos_absent": len(roll.expectations.absent),
        "expected_not_enrolled": len(roll.expectations.not_enrolled),
        "expected_forgotten": roll.expectations.forgotten,
        "references_forgotten": passed_over(unit),
        "shown": shown,
        "threshold": round(threshold, 4),
        "seconds": {
            "embed": embed_seconds(unit),
            "reduce": {stage: round(value, 3) for stage, value in seconds.items()},
        },
        "model": unit.record.model_dump(mode="json"),
        "versions": {"headcount": __version__, "python": platform.python_version()},
        "spec": unit.spec.model_dump(mode="json"),
    }


def embed_seconds(unit: Unit) -> dict[str, float]:
    """Seconds per embed stage, summed over the shards of this job and over threads."""
    from headcount.contract.record import read_record

    total: Counter[str] = Counter()
    for info in unit.store.list(unit.keys.done_folder):
        if "/embed-" in info.key:
            total.update(read_record(unit.store, info.key, DoneMarker).stages)
    return {stage: round(value, 3) for stage, value in total.items()}
