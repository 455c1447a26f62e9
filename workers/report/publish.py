"""Publishing a run: the annotated photos and the report page, for a bounded number of photos."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from headcount.collections.leftovers import left_out_lines
from headcount.contract import results
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.references import ReferenceReport
from headcount.errors import FatalError, ObjectDenied
from headcount.storage import Store
from workers.report.choose import (
    REFERENCES_SHOWN,
    ClusterFaces,
    choose_clusters,
    choose_people,
    choose_photos,
    failed_references,
    failures_by_cause,
    notes,
    rows_of,
)
from workers.report.missing import choose_nearest, missing_view
from workers.report.page import render
from workers.report.pictures import (
    PhotoPictures,
    PictureSources,
    photo_tasks,
    picture_photos,
    picture_reference,
)
from workers.report.run_result import RunResult
from workers.report.tags import cluster_tags
from workers.report.view import (
    Report,
    ShownCluster,
    ShownMissing,
    ShownPerson,
    ShownPhoto,
    ShownReference,
)
from workers.tables.columns import isin

log = logging.getLogger(__name__)

PEOPLE_SHOWN = 100


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
) -> dict[str, int]:
    """Write the annotated photos and the report; the numbers of photos, clusters, people shown.

    ``references`` are this job's reports, ``references_forgotten`` were passed over.
    """
    chosen, clusters = choose_photos(result, sources.spec.annotate), choose_clusters(result)
    unmet, nearest = _unmet(result)
    tags = shown_tags(result, chosen, clusters)
    tasks = photo_tasks(result, chosen, _crops(clusters, nearest), tags, threshold)
    pictures = picture_photos(sources, out, tasks)
    people, refused = shown_people(sources, result, references)
    report = Report(
        spec=sources.spec,
        pack=pack,
        threshold=threshold,
        photos=result.photos,
        outcomes=result.outcomes,
        faces=result.faces.num_rows,
        decisions=result.decisions,
        clusters_total=result.unnamed.num_rows,
        clusters_dismissed=result.dismissed,
        people=people,
        shown=shown_photos(sources, chosen, pictures),
        clusters=tuple(shown_cluster(one, pictures, tags) for one in clusters),
        failures=failures_by_cause(rows_of(result.failures)),
        seconds=dict(seconds),
        missing=unmet and shown_missing(sources, result, unmet, nearest, pictures),
        people_total=result.people.num_rows,
        people_found=result.people_found,
        people_refused=refused,
        references_forgotten=references_forgotten,
        expected_forgotten=result.expected_forgotten,
        look_alikes=tuple(look_alikes),
        older_reading=result.older_reading,
        left_out=tuple(left_out_lines(result.left_out)),
        left=result.left,
        sample_of=result.sample_of,
    )
    return _put(report, out)


def _unmet(result: RunResult) -> tuple[ShownMissing | None, list[dict[str, Any]]]:
    """Everybody who is not met, and the rows whose nearest face is shown."""
    unmet = missing_view(result.expected)
    return unmet, choose_nearest(unmet.rows) if unmet else []


def _crops(
    clusters: Iterable[ClusterFaces], nearest: Iterable[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """The faces to be cropped, by photo: those of clusters, and the nearest of who is missing."""
    crops = [face for cluster in clusters for face in cluster.faces]
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
    """Write the report, and remove what an earlier one drew; numbers of what is shown."""
    shown = report.shown
    out.put(results.REPORT, render(report).encode())
    clear_annotated(out, {results.annotated_key(photo.key) for photo in shown if photo.annotated})
    return {"photos": len(shown), "clusters": len(report.clusters), "people": len(report.people)}


def clear_annotated(out: Store, drawn: Collection[str]) -> None:
    """Remove the annotated copies that earlier runs drew and this one did not.

    Where this process may write but neither list nor remove, they stay, and the log says so.
    """
    try:
        for key in list(results.annotated_copies(out, besides=drawn)):
            out.delete(key)
    except (ObjectDenied, FatalError) as error:
        log.warning("annotated copies of earlier runs may be left in %s: %s", out.uri, error)


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
    sources: PictureSources,
    result: RunResult,
    unmet: ShownMissing,
    nearest: Iterable[Mapping[str, Any]],
    pictures: Mapping[str, PhotoPictures],
) -> ShownMissing:
    """Expectations that are not met, with the pictures of the rows ``nearest``.

    These are the crop of the nearest face and that of the person's first reference.
    """
    number = {person: n for n, person in enumerate(result.gallery.person_ids)}
    crops: dict[tuple[str, str], bytes] = {}
    references: dict[str, bytes] = {}
    for row in nearest:
        photo, face, name = row["photo"], row["face_id"], row["person"]
        crop = pictures[photo].crops.get(face) if photo in pictures else None
        if crop:
            crops[photo, face] = crop
        if crop and name not in references and row["person_id"] in number:
            first = next(iter(_references(sources, result, number[row["person_id"]])), None)
            references[name] = first.crop if first else b""
    return replace(unmet, crops=crops, references=references)


def shown_people(
    sources: PictureSources, result: RunResult, references: Iterable[ReferenceReport]
) -> tuple[tuple[ShownPerson, ...], int]:
    """Enrolled people with their references, this job's failed references among them.

    Pictures are made only of those that are shown: PEOPLE_SHOWN people, and as many people none
    of whose references could be used. The second value counts all of the latter.
    """
    reports = tuple(references)
    noted, order = notes(reports), choose_people(result.people, PEOPLE_SHOWN)
    failed = failed_references(reports)
    names = result.people["person"]
    enrolled = set(names.filter(isin(names, failed)).to_pylist())
    others = [person for person in failed if person not in enrolled]

    def pictures(person: str) -> tuple[ShownReference, ...]:
        source, told = sources.spec.people or "", failed.get(person, ())
        return tuple(picture_reference(sources, source, report) for report in told)

    shown = [
        ShownPerson(
            **row, shown=(*_references(sources, result, n, noted), *pictures(row["person"]))
        )
        for n, row in zip(order.to_pylist(), result.people.take(order).to_pylist(), strict=True)
    ]
    shown += [ShownPerson("", name, 0, 0, 0, pictures(name)) for name in others[:PEOPLE_SHOWN]]
    return tuple(shown), len(others)


def _references(
    sources: PictureSources,
    result: RunResult,
    person: int,
    noted: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> Iterable[ShownReference]:
    """Yield the first REFERENCES_SHOWN references of a person of the gallery, with pictures.

    References of the job's people folder have what is ``noted`` of them.
    """
    gallery = result.gallery
    for row in gallery.references(person)[:REFERENCES_SHOWN]:
        x, y, w, h = (float(value) for value in gallery.boxes[row])
        whose, photo = gallery.names[person], gallery.photos[row]
        own = gallery.sources[row] == sources.spec.people
        report = ReferenceReport(
            person=whose,
            photo=photo,
            state="enrolled",
            reason=noted.get((whose, photo)) if own else None,
            box=(x, y, w, h),
            orientation=gallery.orientation(row),
        )
        yield picture_reference(sources, gallery.sources[row], report)
