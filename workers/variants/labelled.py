"""Labelled photos of people or of faces, by which a gate measures, and detections in them."""

from __future__ import annotations

import csv
import heapq
import io
import threading
import zlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from headcount.collections.photos import references_in
from headcount.errors import FatalError, ObjectError, PhotoError
from headcount.settings import Settings
from headcount.storage import Store
from workers.faces.detection import PROFILES, search
from workers.images.align import SIZE, crop_faces, rescaled
from workers.images.decode import Picture
from workers.models.base import Detections, Detector, Floats, Image
from workers.runtime.threads import ordered_map

LABELS = "labels.csv"
MOST_PHOTOS = 10_000
"""Most photos; further ones are left out: crops are kept in memory, 38 kB each."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo: ``person`` is who is in its centre, or ``boxes`` (N x 4) are all its faces."""

    source: Store
    key: str
    person: str | None = None
    boxes: Floats | None = None


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """Detections in a photo: N boxes (N x 4), and the crop of the face nearest to its centre.

    ``crop`` is None without a face, or for a photo that is not of one person.
    """

    boxes: Floats
    crop: Image | None = None


@dataclass(frozen=True, slots=True)
class Faces:
    """N aligned crops (N x 112 x 112 x 3) and the number of the person in each."""

    crops: Image
    people: NDArray[np.int64]


NO_FACES = Faces(np.zeros((0, SIZE, SIZE, 3), np.uint8), np.zeros(0, np.int64))


def photos_of_people(source: Store) -> list[Labelled]:
    """List the photos of a folder of people. Raises FatalError where there are fewer than two."""
    found = islice(references_in(source), MOST_PHOTOS)
    photos = [Labelled(source, each.photo.key, person=each.person) for each in found]
    if len({photo.person for photo in photos}) < 2:
        raise FatalError(
            f"{source.uri} has photos of fewer than 2 people: a gate needs one folder per person, "
            "photos of many people, and several of each"
        )
    return photos


def photos_with_boxes(source: Store) -> list[Labelled]:
    """List the photos of a folder's ``labels.csv``: ``file``, and ``x,y,w,h`` of each face.

    Boxes are in pixels of the upright photo. Raises FatalError where there is no such table.
    """
    try:
        text = source.get(LABELS).data.decode("utf-8-sig")
        boxes: dict[str, list[list[float]]] = defaultdict(list)
        for row in csv.DictReader(io.StringIO(text)):
            if row["w"]:
                boxes[row["file"]].append([float(row[side]) for side in "xywh"])
        if not boxes:
            raise ValueError("it names none")  # noqa: TRY301 - as any other table that says nothing
    except (ObjectError, KeyError, TypeError, ValueError) as error:
        raise FatalError(
            f"{source.uri} needs a table {LABELS} with the columns file, x, y, w, h: boxes of "
            f"faces in pixels of the upright photos ({error})"
        ) from error
    return [
        Labelled(source, key, boxes=np.array(rows, np.float32))
        for key, rows in islice(sorted(boxes.items()), MOST_PHOTOS)
    ]


def detect_in(
    photos: Sequence[Labelled], detector: Detector, settings: Settings
) -> list[PhotoFaces]:
    """Detect faces in each photo; none in one that cannot be read."""
    threads = settings.threads
    with ThreadPoolExecutor(threads, "gate") as pool:
        seen = ordered_map(
            pool, lambda photo: _faces_in(photo, detector, settings), photos, ahead=2 * threads
        )
        return list(seen)


def _faces_in(photo: Labelled, detector: Detector, settings: Settings) -> PhotoFaces:
    try:
        blob = photo.source.get(photo.key, limit=settings.max_bytes)
        picture = Picture(blob.data, max_pixels=settings.max_pixels)
        faces = search(picture, detector, PROFILES[settings.profile]).faces
    except (ObjectError, PhotoError):
        return PhotoFaces(Detections.none().boxes)
    if photo.person is None or not len(faces):
        return PhotoFaces(faces.boxes)
    return PhotoFaces(faces.boxes, _central_crop(picture, faces))


def _central_crop(picture: Picture, faces: Detections) -> Image:
    decoded = picture.at_least(1)
    middle = np.array([decoded.width, decoded.height]) / 2
    centres = faces.boxes[:, :2] + faces.boxes[:, 2:] / 2
    chosen = int(np.abs(centres - middle).sum(axis=1).argmin())
    landmarks = rescaled(faces.landmarks[chosen : chosen + 1], decoded.scale)
    return np.asarray(crop_faces(decoded.image, landmarks)[0], np.uint8)


def halves(photos: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """Split photos by person: every second person's calibrate, the others' judge."""
    first = set(sorted({photo.person or "" for photo in photos})[::2])
    return (
        [photo for photo in photos if photo.person in first],
        [photo for photo in photos if photo.person not in first],
    )


def faces_of(photos: Sequence[Labelled], seen: Sequence[PhotoFaces]) -> Faces:
    """Collect the central faces of photos. Raises FatalError where there is none."""
    found = [
        (photo.person, faces.crop)
        for photo, faces in zip(photos, seen, strict=False)  # photos of no one person follow
        if faces.crop is not None
    ]
    if not found:
        raise FatalError("no face was found on the photos of half of the people")
    _, numbers = np.unique([person for person, _ in found], return_inverse=True)
    return Faces(np.stack([crop for _, crop in found]), numbers.astype(np.int64))


class SamplingDetector:
    """A detector that keeps a sample of the images it runs on.

    The sample is fair, and the same for the same photos with any number of threads.
    """

    def __init__(self, detector: Detector, most: int) -> None:
        self._detector, self._most = detector, most
        self.scores, self.largest = detector.scores, detector.largest
        self._lock = threading.Lock()
        self._kept: list[tuple[int, int, Image]] = []
        self._looks = 0

    @property
    def images(self) -> list[Image]:
        """Images of the sample."""
        return [image for _, _, image in sorted(self._kept, key=lambda each: each[:2])]

    def detect(self, image: Image) -> Detections:
        """Detect faces; the image may join the sample."""
        mark = zlib.crc32(np.ascontiguousarray(image).data)
        with self._lock:
            self._looks += 1
            if len(self._kept) < self._most:
                heapq.heappush(self._kept, (-mark, self._looks, image.copy()))
            elif -mark > self._kept[0][0]:
                heapq.heapreplace(self._kept, (-mark, self._looks, image.copy()))
        return self._detector.detect(image)
