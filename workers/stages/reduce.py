"""The reduce stage: match every face, cluster and name the rest, write and publish the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.contract import results
from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import PREPARE
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.jobs import DoneMarker, SplitRecord
from headcount.contract.vocabulary import PROCESSED
from headcount.rosters.read import Roster
from headcount.storage import Store
from headcount.storage.memory import MemoryStore
from headcount.tables.sums import require_unchanged, tables_of_pack
from workers.identity.apply_answers import Answers
from workers.identity.cluster_ids import name_clusters
from workers.identity.hand_names import hand_names
from workers.identity.previous_run import previous_assignments
from workers.identity.update import bring_up_to_date
from workers.identity.whole_run import last_whole_assignments
from workers.matching.likeness import Likeness
from workers.matching.look_alikes import LookAlike, look_alikes
from workers.people.gallery import Gallery, load_gallery
from workers.people.roster import read_expected, without_forgotten
from workers.report.run_result import RunResult
from workers.runtime.fenced_store import FencedStore
from workers.runtime.stopwatch import Stopwatch
from workers.runtime.unit import Unit
from workers.stages.assign import (
    add_clusters,
    add_inferred_names,
    applied_threshold,
    assign,
    clusters_in,
    find_clusters,
    linkage_rule,
    to_cluster,
    with_dismissed,
    without,
)
from workers.stages.first_look import FirstLook
from workers.stages.job_tables import job_tables
from workers.stages.roll import call_roll
from workers.stages.split_tasks import exchanged_edges, exchanged_matches
from workers.stages.summary import summary
from workers.stages.write import write_json, write_run
from workers.tables.embeddings import Embeddings
from workers.tables.faces import load_faces, weaknesses_of


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The gallery, people's answers, and the reports of the units that went before.

    ``remapped`` are the faces whose id has changed since the run before (FACE_ID_MAP). The roster
    is without ``expected_forgotten`` lines, of people who were forgotten. ``told`` are the
    assignments of the last whole run, where first looks came after it.
    """

    split: SplitRecord | None
    prepared: DoneMarker
    gallery: Gallery
    gallery_version: int
    threshold: float
    answers: Answers
    remapped: pa.Table
    roster: Roster
    expected_forgotten: int
    look: FirstLook | None
    told: pa.Table | None
    look_alikes: list[LookAlike]

    @property
    def references_forgotten(self) -> int:
        """Number of reference photos that were left aside, of people who were forgotten."""
        return self.prepared.counts.get("forgotten_references", 0)


def reduce_job(unit: Unit) -> DoneMarker:
    """Decide who every face of the collection is, and write the results; the summary comes last.

    Where the stage was split, other tasks have compared the faces with the gallery and each other.
    """
    watch = Stopwatch()
    out = FencedStore(unit.confirm, unit.context.open(unit.spec.out))
    faces, embeddings, inputs = _load(unit)
    weak = weaknesses_of(faces, unit.record.cosine_per_decade)
    watch.lap("load")
    faces = _match(unit, faces, embeddings, weak, inputs)
    watch.lap("match")
    labels, face_ids = _cluster(unit, faces, embeddings, weak, inputs)
    likeness = Likeness(embeddings, weak, inputs.gallery) if inputs.roster.lines.num_rows else None
    del embeddings  # half of the memory: without a roster nothing below looks at them
    previous = previous_assignments(job_tables(unit), unit.job_id, faces, inputs.remapped)
    faces, names = _name(faces, face_ids, labels, previous, inputs.answers)
    watch.lap("cluster")
    faces, expected = _call_roll(unit, faces, likeness, inputs)
    faces = with_dismissed(faces, inputs.answers.claims.dismissed)
    del likeness
    watch.lap("roll")
    run = write_run(
        unit,
        out,
        faces,
        names,
        previous,
        told=inputs.told,
        look=inputs.look,
        gallery=inputs.gallery,
        expected=expected,
        expected_forgotten=inputs.expected_forgotten,
        renames=inputs.answers.renames,
    )
    watch.lap("write")
    shown = _publish(unit, out, run, inputs, watch.seconds)
    watch.lap("publish")
    found = summary(
        unit,
        run,
        seconds=watch.seconds,
        shown=shown,
        threshold=inputs.threshold,
        prepared=inputs.prepared,
        roster=inputs.roster,
        look_alikes=inputs.look_alikes,
    )
    write_json(out, results.SUMMARY, found)
    return _done(unit, run, watch, inputs.gallery_version)


def _load(unit: Unit) -> tuple[pa.Table, Embeddings, _Inputs]:
    """The collection's faces, their embeddings, and what they are compared with."""
    tables, split = job_tables(unit), find_record(unit.store, unit.keys.split, SplitRecord)
    require_unchanged(unit.store, tables_of_pack(tables.keys), unit.context.s3)
    tables.grow(unit.record.dimensions)
    faces, embeddings = load_faces(
        tables, split, dimensions=unit.record.dimensions, progress=unit.count_photo
    )
    known = bring_up_to_date(
        tables,
        unit.job_id,
        faces,
        embeddings,
        enrol=split is None,
        confirm=unit.confirm,
        renames=None if split is None else Renames.from_items(split.renames),
    )
    version = tables.gallery.version if split is None else split.gallery_version
    gallery = load_gallery(
        tables.gallery.at(version),
        forgotten=forgotten_people(unit.store),
        cosine_per_decade=unit.record.cosine_per_decade,
        renames=known.answers.renames,
    )
    threshold = applied_threshold(gallery, unit.figures, unit.spec.false_positives)
    prepared = read_record(unit.store, unit.keys.done(PREPARE), DoneMarker)
    roster, passed_over = without_forgotten(
        _as_called_now(read_expected(unit.spec.expected, unit.context.open), known.answers),
        forgotten_people(unit.store),
    )
    inputs = _Inputs(
        split=split,
        prepared=prepared,
        gallery=gallery,
        gallery_version=version,
        threshold=threshold,
        answers=known.answers,
        remapped=known.remapped,
        roster=roster,
        expected_forgotten=passed_over,
        look_alikes=look_alikes(gallery, unit.figures),
        look=FirstLook.of(unit),
        told=last_whole_assignments(tables, unit.job_id, faces, embeddings),
    )
    return faces, embeddings, inputs


def _as_called_now(roster: Roster, answers: Answers) -> Roster:
    return replace(roster, lines=with_present_names(roster.lines, answers.renames))


def _match(
    unit: Unit,
    faces: pa.Table,
    embeddings: Embeddings,
    weaknesses: NDArray[np.float32],
    inputs: _Inputs,
) -> pa.Table:
    """The faces with the decision of each, and the person that it is matched to, if any."""
    split = inputs.split
    return assign(
        faces,
        embeddings,
        weaknesses,
        inputs.gallery,
        unit.figures,
        threshold=inputs.threshold,
        rejected=inputs.answers.rejected,
        by_hand=hand_names(inputs.answers, faces),
        not_faces=inputs.answers.claims.not_faces,
        matches=None if split is None else exchanged_matches(unit, split).at(embeddings.order),
    )


def _cluster(
    unit: Unit,
    faces: pa.Table,
    embeddings: Embeddings,
    weaknesses: NDArray[np.float32],
    inputs: _Inputs,
) -> tuple[NDArray[np.int32], pa.Array]:
    """The number of each usable face's cluster, and these faces' ids."""
    split = inputs.split
    edges = exchanged_edges(unit, split) if split is not None and split.groups else None
    rows, face_ids = to_cluster(faces)
    rows, face_ids, edges = without(inputs.answers.claims.not_faces, rows, face_ids, edges)
    labels = find_clusters(
        faces["photo"].take(rows),
        face_ids,
        embeddings.at(rows),
        weaknesses[rows],
        inputs.answers,
        rule=linkage_rule(unit.record, len(face_ids), unit.spec.purity),
        edges=edges,
    )
    return labels, face_ids


def _name(
    faces: pa.Table,
    face_ids: pa.Array,
    labels: NDArray[np.int32],
    previous: pa.Table,
    answers: Answers,
) -> tuple[pa.Table, pa.Table]:
    """The faces with their clusters and the names inferred from these; the clusters' NAMINGS."""
    ids = name_clusters(labels, face_ids, clusters_in(previous))
    return add_inferred_names(add_clusters(faces, face_ids, ids), answers.rejected)


def _call_roll(
    unit: Unit, faces: pa.Table, likeness: Likeness | None, inputs: _Inputs
) -> tuple[pa.Table, pa.Table]:
    """The faces, with the names that only the roster gives; the table of expectations."""
    if likeness is None:
        return faces, results.EXPECTED.empty_table()
    return call_roll(
        unit,
        faces,
        likeness,
        roster=inputs.roster,
        answers=inputs.answers,
        threshold=inputs.threshold,
        look=inputs.look,
    )


def _publish(
    unit: Unit, out: Store, run: RunResult, inputs: _Inputs, seconds: Mapping[str, float]
) -> dict[str, int]:
    """Draw the photos and write the report; gives the number of photos, clusters, people shown.

    A rematch looks at no photo: its report is without pictures.
    """
    # pictures and templates: only where they are made
    from workers.report.pictures import PictureSources
    from workers.report.publish import publish

    context, nothing = unit.context, MemoryStore()
    return publish(
        PictureSources(
            unit.spec,
            nothing if unit.spec.rematch else unit.collection,
            (lambda _: nothing) if unit.spec.rematch else context.open,
            context.settings.threads,
            unit.count_photo,
            job_tables(unit).orientations,
            job_tables(unit).taken,
            job_tables(unit).notes,
        ),
        out,
        run,
        pack=unit.figures,
        threshold=inputs.threshold,
        seconds=seconds,
        references=inputs.prepared.references,
        references_forgotten=inputs.references_forgotten,
        look_alikes=[(*pair.names, pair.similarity) for pair in inputs.look_alikes],
        named_by=inputs.answers.claims.named_by,
    )


def _done(unit: Unit, run: RunResult, watch: Stopwatch, gallery_version: int) -> DoneMarker:
    return unit.done(
        **watch.report(),
        gallery_version=gallery_version,
        photos=run.photos,
        faces=run.faces.num_rows,
        outcomes=run.outcomes,
        counts={
            "failures": sum(n for o, n in run.outcomes.items() if o not in PROCESSED),
            "older_reading": run.older_reading,
            "people": run.people.num_rows,
            "people_found": run.people_found,
            "clusters": run.unnamed.num_rows,
            "expected_missing": run.absences.num_rows,
            **{f"expected_{status}": number for status, number in run.expected_statuses.items()},
            **run.absence_changes,
            **{f"faces_{decision}": number for decision, number in run.decisions.items()},
        },
    )
