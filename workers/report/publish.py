"""Publishing: the annotated photos and the report page, for a bounded number of photos.

Pictures are made from the photos themselves, fetched again; the archive holds no crops.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import results
from headcount.contract.layout import PREPARE
from headcount.contract.record import read_record
from headcount.contract.results import annotated_key
from headcount.contract.stored.jobs import DoneMarker, ReferenceReport
from headcount.contract.vocabulary import Box, Decision
from headcount.errors import FatalError, ObjectDenied, ObjectError, PhotoError
from headcount.storage import Store
from headcount.storage.base import Reader
from workers.images.decode import Decoded, decode
from workers.people.expected import passed_over
from workers.report.annotate import annotate, crop, outline, preview
from workers.report.page import render
from workers.report.run_result import RunResult
from workers.report.view import (
    Failure,
    Report,
    ShownCluster,
    ShownFace,
    ShownPerson,
    ShownPhoto,
    ShownReference,
)
from workers.runtime.threads import ordered_map
from workers.runtime.unit import Unit
from workers.tables.columns import isin

log = logging.getLogger(__name__)

ANNOTATED_LONG_SIDE = 2048
PREVIEW_LONG_SIDE = 720
CLUSTERS_SHOWN = 60
CLUSTER_FACES_SHOWN = 12
PEOPLE_SHOWN = 100
REFERENCES_SHOWN = 6
FAILURE_EXAMPLES = 5
ROWS_AT_ONCE = 8192


def publish(
    unit: Unit, out: Store, roll: RunResult, seconds: Mapping[str, float], *, threshold: float
) -> dict[str, int]:
    """Write the annotated photos and the report; says how many of what are shown."""
    chosen = choose_photos(roll, unit.spec.annotate)
    clusters = _cluster_members(roll)
    pictures = _picture_photos(unit, out, roll, chosen, clusters)
    absent = roll.expectations.absent
    shown = tuple(
        replace(pictures[key].shown, absent=key in absent)
        for key in sorted(chosen)
        if key in pictures
    )
    people, refused = _people(unit, roll)
    report = Report(
        spec=unit.spec,
        pack=unit.figures,
        threshold=threshold,
        photos=roll.photos,
        outcomes=roll.outcomes,
        faces=roll.faces.num_rows,
        decisions=roll.decisions,
        clusters_total=roll.unnamed.num_rows,
        people=people,
        shown=shown,
        clusters=tuple(_cluster_view(c, pictures) for c in clusters),
        failures=failures_by_cause(_rows_of(roll.failures)),
        seconds=dict(seconds),
        not_enrolled=roll.expectations.not_enrolled,
        missing_total=roll.expectations.missing_total,
        people_total=roll.people.num_rows,
        people_found=roll.people_found,
        people_refused=refused,
        references_forgotten=passed_over(unit),
        expected_forgotten=roll.expectations.forgotten,
    )
    out.put(results.REPORT, render(report).encode())
    clear_annotated(out, {annotated_key(photo.key) for photo in shown if photo.annotated})
    return {"photos": len(shown), "clusters": len(report.clusters), "people": len(report.people)}


def choose_photos(roll: RunResult, limit: int) -> set[str]:
    """The photos to show: where somebody is missing, then those with names, then other faces."""
    photos = roll.faces["photo"]
    named = photos.filter(pc.is_valid(roll.faces["person_id"]))
    wanted = [
        *sorted(roll.expectations.missing),
        *(key for some in (named, photos) for key in some.unique()[:limit].to_pylist()),
    ]
    return set(list(dict.fromkeys(wanted))[:limit])


def clear_annotated(out: Store, drawn: Collection[str]) -> None:
    """Remove the annotated copies that earlier runs drew and this one did not.

    Where this process may write and neither list nor remove, they stay, and the log says so.
    """
    try:
        for key in list(results.annotated_copies(out, besides=drawn)):
            out.delete(key)
    except (ObjectDenied, FatalError) as error:
        log.warning("annotated copies of earlier runs may be left in %s: %s", out.uri, error)


def failures_by_cause(failures: Iterable[Mapping[str, Any]]) -> tuple[Failure, ...]:
    """Photos that could not be processed, by outcome and reason, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in failures:
        cause = row["outcome"], row["reason"] or ""
        counts[cause] += 1
        if len(examples[cause]) < FAILURE_EXAMPLES:
            examples[cause].append(row["photo"])
    return tuple(
        Failure(*cause, photos, tuple(examples[cause]))
        for cause, photos in sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    )


def _rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows of a table that may be long, a few thousand of them at a time."""
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from batch.to_pylist()


# -- the collection's photos --------------------------------------------------------------------


@dataclass(slots=True)
class _Task:
    """What is needed of one photo."""

    key: str
    faces: list[ShownFace]
    missing: tuple[str, ...]
    show: bool
    crops: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Pictures:
    """One photo's pictures: how it is shown, and the crops of its faces by face id."""

    shown: ShownPhoto
    crops: dict[str, bytes]


def _picture_photos(
    unit: Unit, out: Store, roll: RunResult, chosen: set[str], clusters: Sequence[_Members]
) -> dict[str, _Pictures]:
    tasks = {
        key: _Task(key, [], roll.expectations.missing.get(key, ()), show=True) for key in chosen
    }
    for members in clusters:
        for key, face in members.faces:
            tasks.setdefault(key, _Task(key, [], (), show=False)).crops.add(face)
    needed = isin(roll.faces["photo"], tasks)
    for row in roll.faces.filter(needed).to_pylist():
        tasks[row["photo"]].faces.append(_face(row))
    collection = unit.collection
    with ThreadPoolExecutor(unit.context.settings.threads, "publish") as pool:
        made = ordered_map(
            pool,
            lambda task: _picture(unit, collection, out, task),
            [tasks[key] for key in sorted(tasks)],
            ahead=2 * unit.context.settings.threads,
        )
        return {pictures.shown.key: pictures for pictures in _counted(unit, made)}


def _counted(unit: Unit, made: Iterable[_Pictures]) -> Iterable[_Pictures]:
    for pictures in made:
        unit.photos += 1
        yield pictures


def _face(row: Mapping[str, Any]) -> ShownFace:
    return ShownFace(
        face_id=row["face_id"],
        box=Box(row["x"], row["y"], row["w"], row["h"]),
        decision=Decision(row["decision"]),
        quality=row["quality"],
        person=row["person"],
        nearest=row["nearest"],
        similarity=row["similarity"],
        probability=row["probability"],
        runner_up=row["runner_up"],
        margin=row["margin"],
        cluster_id=row["cluster_id"],
    )


def _open_picture(unit: Unit, store: Reader, key: str) -> Decoded | None:
    """The photo, upright and small enough to show; None where it cannot be had any more."""
    limits = unit.spec.limits
    try:
        data = store.get(key, limit=limits.max_bytes).data
        return decode(data, max_pixels=limits.max_pixels, min_long_side=ANNOTATED_LONG_SIDE)
    except (ObjectError, PhotoError):
        return None


def _picture(unit: Unit, collection: Reader, out: Store, task: _Task) -> _Pictures:
    decoded = _open_picture(unit, collection, task.key)
    if decoded is None:
        bare = ShownPhoto(task.key, 0, 0, tuple(task.faces), task.missing)
        return _Pictures(bare, {})
    crops = {
        face.face_id: crop(decoded.image, _scaled(face.box, decoded.scale))
        for face in task.faces
        if task.show or face.face_id in task.crops
    }
    faces = tuple(replace(face, crop=crops.get(face.face_id, b"")) for face in task.faces)
    shown = ShownPhoto(task.key, decoded.width, decoded.height, faces, task.missing)
    if task.show:
        shown = _annotated(out, shown, decoded)
    return _Pictures(shown, crops)


def _annotated(out: Store, shown: ShownPhoto, decoded: Decoded) -> ShownPhoto:
    drawn = annotate(decoded.image, shown.faces, shown.missing, scale=decoded.scale)
    key = annotated_key(shown.key)
    out.put(key, preview(drawn, ANNOTATED_LONG_SIDE, mark=results.ANNOTATED_MARK))
    return replace(shown, annotated="../" + key, preview=preview(drawn, PREVIEW_LONG_SIDE))


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x * scale, box.y * scale, box.w * scale, box.h * scale)


# -- clusters -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Members:
    """A cluster and the faces of it that are shown: photo and face id, the exemplar first."""

    cluster_id: str
    total_faces: int
    total_photos: int
    faces: tuple[tuple[str, str], ...]


def _cluster_members(roll: RunResult) -> list[_Members]:
    top = roll.unnamed.slice(0, CLUSTERS_SHOWN)
    columns = ["cluster_id", "quality", "photo", "face_id"]
    rows = roll.faces.select(columns)
    rows = rows.filter(isin(rows["cluster_id"], top["cluster_id"].to_pylist()))
    return [
        _Members(c["cluster_id"], c["faces"], c["photos"], _best_faces(rows, c["cluster_id"]))
        for c in top.to_pylist()
    ]


def _best_faces(rows: pa.Table, cluster: str) -> tuple[tuple[str, str], ...]:
    """Photo and face id of the faces of a cluster that are shown."""
    rows = rows.filter(pc.equal(rows["cluster_id"], cluster))
    order = [("quality", "descending"), ("face_id", "ascending"), ("photo", "ascending")]
    best = rows.take(pc.select_k_unstable(rows, CLUSTER_FACES_SHOWN, order)).to_pylist()
    return tuple((row["photo"], row["face_id"]) for row in best)


def _cluster_view(members: _Members, pictures: Mapping[str, _Pictures]) -> ShownCluster:
    crops = tuple(
        (photo, pictures[photo].crops[face])
        for photo, face in members.faces
        if photo in pictures and face in pictures[photo].crops
    )
    return ShownCluster(members.cluster_id, members.total_faces, members.total_photos, crops)


# -- people -------------------------------------------------------------------------------------


def _people(unit: Unit, roll: RunResult) -> tuple[tuple[ShownPerson, ...], int]:
    """The enrolled people with their references; failed references of this job among them.

    Pictures are made of those alone that are shown: PEOPLE_SHOWN people, and as many of whom every
    reference failed. How many these are in all is the second.
    """
    by = [("faces", "descending"), ("person", "ascending"), ("person_id", "ascending")]
    order = pc.sort_indices(roll.people, sort_keys=by).slice(0, PEOPLE_SHOWN)
    failed = _failed_references(unit)
    names = roll.people["person"]
    enrolled = set(names.filter(isin(names, failed)).to_pylist())
    others = [person for person in failed if person not in enrolled]

    def pictures(person: str) -> tuple[ShownReference, ...]:
        reports = failed.get(person, ())
        return tuple(_reference(unit, unit.spec.people or "", report) for report in reports)

    shown = [
        ShownPerson(**row, shown=(*_references(unit, roll, n), *pictures(row["person"])))
        for n, row in zip(order.to_pylist(), roll.people.take(order).to_pylist(), strict=True)
    ]
    shown += [ShownPerson("", name, 0, 0, 0, pictures(name)) for name in others[:PEOPLE_SHOWN]]
    return tuple(shown), len(others)


def _references(unit: Unit, roll: RunResult, person: int) -> Iterable[ShownReference]:
    gallery = roll.gallery
    for row in gallery.references(person)[:REFERENCES_SHOWN]:
        x, y, w, h = (float(value) for value in gallery.boxes[row])
        report = ReferenceReport(
            person=gallery.names[person],
            photo=gallery.photos[row],
            state="enrolled",
            box=(x, y, w, h),
        )
        yield _reference(unit, gallery.sources[row], report)


def _failed_references(unit: Unit) -> dict[str, list[ReferenceReport]]:
    """The first few references of each person that could not be used."""
    failed: defaultdict[str, list[ReferenceReport]] = defaultdict(list)
    if unit.spec.people is not None:
        prepared = read_record(unit.store, unit.keys.done(PREPARE), DoneMarker)
        for report in prepared.references:
            if report.refused and len(failed[report.person]) < REFERENCES_SHOWN:
                failed[report.person].append(report)
    return failed


def _reference(unit: Unit, source: str, report: ReferenceReport) -> ShownReference:
    decoded = _open_reference(unit, source, report.photo)
    if decoded is None:
        return ShownReference(report)
    if report.box is None:
        return ShownReference(report, preview(decoded.image, 320))
    box = Box(*report.box)
    return ShownReference(
        report,
        preview(outline(decoded.image, box, scale=decoded.scale), 320),
        crop(decoded.image, _scaled(box, decoded.scale)),
    )


def _open_reference(unit: Unit, source: str, photo: str) -> Decoded | None:
    """A reference's photo; one that was named is a photo of a collection, maybe of another one."""
    if source == unit.spec.photos:
        return _open_picture(unit, unit.collection, photo)
    try:
        return _open_picture(unit, unit.context.open(source), photo)
    except FatalError:
        return None
