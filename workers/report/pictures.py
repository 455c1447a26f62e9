"""The pictures of a report: annotated photos, previews, crops of faces, references.

They are made from the photos themselves, fetched again; the archive holds no crops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from headcount.answers.record import Answer
from headcount.contract.results import ANNOTATED_MARK, MARK_WITHIN, annotated_key
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import Box, Decision
from headcount.errors import FatalError, ObjectError, PhotoError
from headcount.storage import Store
from headcount.storage.base import Reader
from workers.images.decode import Decoded, decode
from workers.report.annotate import annotate, crop, outline, preview
from workers.report.phrases import named_by_whom
from workers.report.run_result import RunResult
from workers.report.view import ShownFace, ShownPhoto, ShownReference
from workers.runtime.threads import ordered_map
from workers.tables.columns import isin

ANNOTATED_LONG_SIDE = 2048
PREVIEW_LONG_SIDE = 720
REFERENCE_LONG_SIDE = 200


@dataclass(frozen=True, slots=True)
class PictureSources:
    """The job's photos, and by URI the stores of references that came from elsewhere.

    ``orientations`` gives the turns that were applied to photos of the job, as EXIF values, where
    they are known, ``taken`` the times at which they were taken, ``notes`` what is not all there of
    them. ``progress`` is called after each photo.
    """

    spec: JobSpec
    photos: Reader
    open: Callable[[str], Reader]
    threads: int
    progress: Callable[[], None]
    orientations: Callable[[Collection[str]], Mapping[str, int]]
    taken: Callable[[Collection[str]], Mapping[str, datetime]]
    notes: Callable[[Collection[str]], Mapping[str, str]]


@dataclass(slots=True)
class PhotoTask:
    """Pictures to make of one photo: the whole photo if ``show``, and ``crops`` by face id."""

    key: str
    faces: list[ShownFace]
    missing: tuple[str, ...]
    show: bool
    crops: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PhotoPictures:
    """Pictures of one photo: the photo as it is shown, and crops of its faces by face id."""

    shown: ShownPhoto
    crops: dict[str, bytes]


def photo_tasks(
    result: RunResult,
    chosen: Iterable[str],
    crops: Iterable[tuple[str, str]],
    *,
    tags: Mapping[str, str] | None = None,
    named_by: Mapping[str, Answer] | None = None,
    threshold: float | None = None,
) -> list[PhotoTask]:
    """Tasks for the chosen photos and for the photos of further ``crops``, sorted by key.

    A crop is named by photo and face id. ``tags`` are those of clusters, ``named_by`` the answers
    that gave faces their names, by face id.
    """
    chosen = list(chosen)
    missing = missing_people(result, chosen)
    tasks = {key: PhotoTask(key, [], missing.get(key, ()), show=True) for key in chosen}
    for key, face in crops:
        tasks.setdefault(key, PhotoTask(key, [], (), show=False)).crops.add(face)
    needed = isin(result.faces["photo"], tasks)
    for row in result.faces.filter(needed).to_pylist():
        tasks[row["photo"]].faces.append(_face(row, tags or {}, named_by or {}, threshold))
    return [tasks[key] for key in sorted(tasks)]


def missing_people(result: RunResult, photos: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The names of the people who are absent from each of these photos, each once."""
    absences = result.absent_by_photo
    found: dict[str, dict[str, None]] = {}
    for row in absences.filter(isin(absences["photo"], photos)).to_pylist():
        found.setdefault(row["photo"], {})[row["person"]] = None
    return {photo: tuple(people) for photo, people in found.items()}


def picture_photos(
    sources: PictureSources, out: Store, tasks: Sequence[PhotoTask]
) -> dict[str, PhotoPictures]:
    """Make the pictures of photos and write the annotated copies; the pictures by photo key."""
    found = {}
    turns = sources.orientations([task.key for task in tasks])
    with ThreadPoolExecutor(sources.threads, "publish") as pool:
        made = ordered_map(
            pool,
            lambda task: _picture(sources, out, task, turns.get(task.key, 0)),
            tasks,
            ahead=2 * sources.threads,
        )
        for pictures in made:
            sources.progress()
            found[pictures.shown.key] = pictures
    return found


def picture_reference(
    sources: PictureSources, source: str, report: ReferenceReport
) -> ShownReference:
    """Make the pictures of one reference, from the folder or collection ``source``."""
    decoded = _open_reference(sources, source, report)
    if decoded is None:
        return ShownReference(report)
    if report.box is None:
        return ShownReference(report, preview(decoded.image, REFERENCE_LONG_SIDE))
    box = Box(*report.box)
    return ShownReference(
        report,
        preview(outline(decoded.image, box, scale=decoded.scale), REFERENCE_LONG_SIDE),
        crop(decoded.image, _scaled(box, decoded.scale)),
    )


def _face(
    row: Mapping[str, Any],
    tags: Mapping[str, str],
    named_by: Mapping[str, Answer],
    threshold: float | None,
) -> ShownFace:
    answer = named_by.get(row["face_id"])
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
        evidence=row["evidence"],
        discount=row.get("discount") or 0.0,
        tag=tags.get(row["cluster_id"], ""),
        said=named_by_whom(answer) if answer else "",
        threshold=threshold,
    )


def _picture(
    sources: PictureSources, out: Store, task: PhotoTask, orientation: int
) -> PhotoPictures:
    decoded = _open_picture(sources.spec, sources.photos, task.key, orientation)
    if decoded is None:
        bare = ShownPhoto(task.key, 0, 0, tuple(task.faces), task.missing)
        return PhotoPictures(bare, {})
    boxes = {face.face_id: _scaled(face.box, decoded.scale) for face in task.faces}
    crops = {
        face: crop(decoded.image, box, others=[b for other, b in boxes.items() if other != face])
        for face, box in boxes.items()
        if task.show or face in task.crops
    }
    faces = tuple(replace(face, crop=crops.get(face.face_id, b"")) for face in task.faces)
    shown = ShownPhoto(task.key, decoded.width, decoded.height, faces, task.missing)
    if task.show:
        shown = _annotated(out, shown, decoded)
    return PhotoPictures(shown, crops)


def _annotated(out: Store, shown: ShownPhoto, decoded: Decoded) -> ShownPhoto:
    """Write the annotated copy of a photo, unless the very same lies there already.

    Gives the photo with its link and preview. The copy's mark tells the pixels that it was made of.
    """
    drawn = annotate(decoded.image, shown.faces, shown.missing, scale=decoded.scale)
    key = annotated_key(shown.key)
    mark = ANNOTATED_MARK + b" " + hashlib.sha256(drawn.tobytes()).hexdigest().encode()
    if not _is_there(out, key, mark):
        out.put(key, preview(drawn, ANNOTATED_LONG_SIDE, mark=mark))
    return replace(shown, annotated="../" + key, preview=preview(drawn, PREVIEW_LONG_SIDE))


def _is_there(out: Store, key: str, mark: bytes) -> bool:
    """Whether the copy with this mark lies there; False where it may not be read."""
    try:
        return mark in out.get_range(key, 0, MARK_WITHIN)
    except (ObjectError, FatalError):
        return False


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x * scale, box.y * scale, box.w * scale, box.h * scale)


def _open_picture(spec: JobSpec, store: Reader, key: str, orientation: int) -> Decoded | None:
    """Decode a photo, upright and at the size that is shown; None if it cannot be read any more.

    ``orientation`` is the turn that its boxes are in, as an EXIF value; 0 for the file's own.
    """
    limits = spec.limits
    try:
        data = store.get(key, limit=limits.max_bytes).data
        shown = decode(data, max_pixels=limits.max_pixels, min_long_side=ANNOTATED_LONG_SIDE)
        return shown.turned_as(orientation)
    except (ObjectError, PhotoError):
        return None


def _open_reference(
    sources: PictureSources, source: str, report: ReferenceReport
) -> Decoded | None:
    """Decode a reference's photo; a named face's is a photo of a collection, maybe another one."""
    store = sources.photos if source == sources.spec.photos else None
    try:
        store = store or sources.open(source)
        return _open_picture(sources.spec, store, report.photo, report.orientation)
    except FatalError:
        return None
