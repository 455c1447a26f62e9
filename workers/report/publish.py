"""Publishing a run: the annotated photos and the report page, for a bounded number of photos."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from headcount.answers.record import Answer
from headcount.collections.leftovers import left_out_lines
from headcount.contract import results
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.references import ReferenceReport
from headcount.errors import FatalError, ObjectDenied
from headcount.storage import Store
from workers.report.choose import (
    ClusterFaces,
    choose_clusters,
    choose_photos,
    failures_by_cause,
    notes,
    rows_of,
)
from workers.report.missing import choose_nearest, missing_view
from workers.report.page import render_pages
from workers.report.people import shown_people, with_found
from workers.report.pictures import (
    PhotoPictures,
    PictureSources,
    photo_tasks,
    picture_photos,
)
from workers.report.references import References
from workers.report.run_result import RunResult
from workers.report.tags import cluster_tags
from workers.report.view import (
    Report,
    ShownCluster,
    ShownLook,
    ShownMissing,
    ShownPhoto,
)
from workers.report.worth_a_look import Look, worth_a_look
from workers.tables.columns import isin

log = logging.getLogger(__name__)

LOOKS_SHOWN = 100
"""Faces that are worth a look, at most: what somebody goes through in a quarter of an hour."""


def publish(
    sources: PictureSources,
    out: Store,
    result: RunResult,
    *,
    pack: PackRecord,
    threshold: float,
    seconds: Mapping[str, float],
    references: Iterable[ReferenceReport],
    references_forgotten: int,
    look_alikes: Iterable[tuple[str, str, float]] = (),  # names, and their cosine
    named_by: Mapping[str, Answer] = MappingProxyType({}),
    checked: Iterable[str] = (),
) -> dict[str, int]:
    """Write the annotated photos and the report; the numbers of photos, clusters, people shown.

    ``references`` are this job's reports, ``references_forgotten`` were passed over. ``named_by``
    are the answers that named faces, by face id. ``checked`` are sentences about the error rate.
    """
    reports = tuple(references)
    pictured = References(sources, result.gallery, notes(reports))
    looks = _looks(result, threshold, pack.margin)
    chosen = choose_photos(result, sources.spec.annotate, looks, sources.taken)
    clusters, (unmet, nearest) = choose_clusters(result), _unmet(result)
    tags = shown_tags(result, chosen, clusters)
    crops = _crops(clusters, nearest, looks)
    tasks = photo_tasks(result, chosen, crops, tags=tags, named_by=named_by, threshold=threshold)
    pictures = picture_photos(sources, out, tasks)
    shown = shown_photos(sources, chosen, pictures)
    people, refused = shown_people(result, pictured, reports)
    report = Report(
        **_totals(result),
        spec=sources.spec,
        pack=pack,
        threshold=threshold,
        people=with_found(people, shown),
        shown=shown,
        clusters=tuple(shown_cluster(one, pictures, tags) for one in clusters),
        seconds=dict(seconds),
        missing=unmet and shown_missing(pictured, unmet, nearest, pictures),
        looks=shown_looks(pictured, looks, pictures),
        people_refused=refused,
        references_forgotten=references_forgotten,
        look_alikes=tuple(look_alikes),
        checked=tuple(checked),
    )
    return _put(report, out)


def _looks(result: RunResult, threshold: float, margin: float) -> list[Look]:
    return worth_a_look(
        result.faces,
        threshold=threshold,
        margin=margin,
        dismissed=result.dismissed_ids,
        limit=LOOKS_SHOWN,
    )


def _totals(result: RunResult) -> dict[str, Any]:
    """The numbers of a report that are those of the whole run."""
    return {
        "photos": result.photos,
        "outcomes": result.outcomes,
        "faces": result.faces.num_rows,
        "decisions": result.decisions,
        "clusters_total": result.unnamed.num_rows,
        "clusters_dismissed": result.dismissed,
        "failures": failures_by_cause(rows_of(result.failures)),
        "people_total": result.people.num_rows,
        "people_found": result.people_found,
        "expected_forgotten": result.expected_forgotten,
        "older_reading": result.older_reading,
        "left_out": tuple(left_out_lines(result.left_out)),
        "left": result.left,
        "sample_of": result.sample_of,
    }


def _unmet(result: RunResult) -> tuple[ShownMissing | None, list[dict[str, Any]]]:
    """Everybody who is not met, and the rows whose nearest face is shown."""
    unmet = missing_view(result.expected)
    return unmet, choose_nearest(unmet.rows) if unmet else []


def _crops(
    clusters: Iterable[ClusterFaces],
    nearest: Iterable[Mapping[str, Any]],
    looks: Iterable[Look],
) -> list[tuple[str, str]]:
    """The faces to be cropped, by photo: of clusters, nearest to the missing, worth a look."""
    crops = [face for cluster in clusters for face in cluster.faces]
    crops += [(look.photo, look.face_id) for look in looks]
    return crops + [(row["photo"], row["face_id"]) for row in nearest]


def shown_photos(
    sources: PictureSources, chosen: Collection[str], pictures: Mapping[str, PhotoPictures]
) -> tuple[ShownPhoto, ...]:
    """The chosen photos by key, with the times at which they were taken, and notes."""
    taken, notes = sources.taken(chosen), sources.notes(chosen)
    found = (pictures[key].shown for key in sorted(chosen) if key in pictures)
    return tuple(
        replace(photo, taken=taken.get(photo.key), note=notes.get(photo.key)) for photo in found
    )


def _put(report: Report, out: Store) -> dict[str, int]:
    """Write the report, and remove what an earlier one drew; numbers of what is shown.

    The first page comes last, so that all are there to which it links.
    """
    shown, pages = report.shown, render_pages(report)
    for key in sorted(pages, key=lambda key: key == results.REPORT):
        out.put(key, pages[key].encode())
    drawn = {results.annotated_key(photo.key) for photo in shown if photo.annotated}
    clear_leftovers(out, {*drawn, *pages})
    return {"photos": len(shown), "clusters": len(report.clusters), "people": len(report.people)}


def clear_leftovers(out: Store, written: Collection[str]) -> None:
    """Remove annotated copies and pages of the report that earlier runs wrote and this did not.

    Where this process may write but neither list nor remove, they stay, and the log says so.
    """
    try:
        leftovers = list(results.annotated_copies(out, besides=written))
        leftovers += [key for key in results.report_pages(out) if key not in written]
        for key in leftovers:
            out.delete(key)
    except (ObjectDenied, FatalError) as error:
        log.warning("pictures of earlier runs may be left in %s: %s", out.uri, error)


def shown_tags(
    result: RunResult, photos: Collection[str], clusters: Iterable[ClusterFaces]
) -> dict[str, str]:
    """The tags of the clusters that the report shows, or that are in the ``photos`` it shows."""
    faces = result.faces["cluster_id"].filter(isin(result.faces["photo"], photos))
    shown = {*faces.drop_null().to_pylist(), *(cluster.cluster_id for cluster in clusters)}
    return cluster_tags(result.clusters["cluster_id"], shown)


def shown_cluster(
    cluster: ClusterFaces, pictures: Mapping[str, PhotoPictures], tags: Mapping[str, str]
) -> ShownCluster:
    """Cluster with the crops of its chosen faces; faces whose photo is gone are left out."""
    crops = tuple(
        (photo, pictures[photo].crops[face])
        for photo, face in cluster.faces
        if photo in pictures and face in pictures[photo].crops
    )
    tag = tags[cluster.cluster_id]
    return ShownCluster(cluster.cluster_id, cluster.total_faces, cluster.total_photos, crops, tag)


def shown_missing(
    references: References,
    unmet: ShownMissing,
    nearest: Iterable[Mapping[str, Any]],
    pictures: Mapping[str, PhotoPictures],
) -> ShownMissing:
    """Expectations that are not met, with the pictures of the rows ``nearest``.

    These are the crop of the nearest face and that of the person's first reference.
    """
    crops: dict[tuple[str, str], bytes] = {}
    rows: dict[str, int] = {}
    for row in nearest:
        photo, face, name = row["photo"], row["face_id"], row["person"]
        crop = pictures[photo].crops.get(face) if photo in pictures else None
        first = references.row_of(row["person_id"], None)
        if crop:
            crops[photo, face] = crop
        if crop and first is not None:
            rows.setdefault(name, first)
    made = references.pictures(rows.values())
    portraits = {name: made[row].crop for name, row in rows.items()}
    return replace(unmet, crops=crops, references=portraits)


def shown_looks(
    references: References, looks: Sequence[Look], pictures: Mapping[str, PhotoPictures]
) -> tuple[ShownLook, ...]:
    """The faces that are worth a look, each with the reference that it was compared with."""
    rows = [references.row_of(look.person_id, look.reference) for look in looks]
    made = references.pictures(row for row in rows if row is not None)
    shown: list[ShownLook] = []
    for look, row in zip(looks, rows, strict=True):
        faces = pictures[look.photo].shown.faces if look.photo in pictures else ()
        found = [face for face in faces if face.face_id == look.face_id]
        crop = pictures[look.photo].crops.get(look.face_id, b"") if found else b""
        beside = (made[row].crop, made[row].report.photo) if row is not None else ()
        shown += [ShownLook(look, replace(face, crop=crop), *beside) for face in found[:1]]
    return tuple(shown)
