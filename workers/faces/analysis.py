"""Analysis of one photo: decoded, its faces detected, aligned, embedded and judged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from headcount.contract.frames import Box4, Frame
from headcount.contract.vocabulary import BY_HAND, DrawnBox
from headcount.settings import MAX_FACES, ProfileName
from workers.faces.by_hand import Drawn, locate
from workers.faces.detection import PROFILES, Profile, quarters_to_faces, search, search_image
from workers.faces.merging import Found
from workers.faces.quality import (
    MINIMUM_HEIGHT,
    certainty,
    lowered,
    quality_of,
    quality_of_drawn,
    quality_parts,
    usable,
)
from workers.faces.scales import scaled, shifted
from workers.faces.turns import quarters_to_upright
from workers.images.align import SIZE, crop_faces, rescaled, shares_outside
from workers.images.decode import Decoded, Picture
from workers.models.base import Detections, Detector, Floats, Image, ModelPack
from workers.models.recognisers.arcface import unit_length

SMALL_FACE = 112.0
"""A face smaller than the recogniser's crop is cut from a larger decode where there is more."""
TIGHT_BORDER = 0.5
"""Width of the border laid around a tight crop, in parts of its sides."""

cv2.setNumThreads(1)  # the workers' own threads are the parallelism


@dataclass(frozen=True, slots=True)
class Analysis:
    """The N faces of one photo, best detection first, and then those drawn by hand.

    All coordinates are in its upright pixels.
    ``boxes`` N x 4 (left, top, width, height), ``landmarks`` N x 5 x 2, ``scores`` and
    ``qualities`` N in 0..1, ``passes`` N names of the pass that detected each, ``usable`` N,
    ``embeddings`` N x D of unit length; ``seconds`` by stage; ``numbers`` the faces' numbers
    in their ids, where some were left out, and after them the boxes of those drawn by hand;
    ``parts`` of the quality by name, N each in 0..1, and
    the share of each crop ``outside`` the photo; ``stored`` are width and height of the file,
    before ``orientation`` was applied; ``note`` says what the file or the
    faces lack, None where nothing is missing.
    """

    width: int
    height: int
    orientation: int
    boxes: Floats
    landmarks: Floats
    scores: Floats
    passes: tuple[str, ...]
    qualities: Floats
    usable: NDArray[np.bool_]
    embeddings: Floats
    seconds: dict[str, float]
    numbers: tuple[int | DrawnBox, ...] | None = None
    parts: Mapping[str, Floats] = field(default_factory=dict)
    stored: tuple[int, int] = (0, 0)
    note: str | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, rows: Sequence[int]) -> Analysis:
        """Select faces by row, in this order; they keep their numbers."""
        kept = list(rows)
        numbers = tuple(range(len(self))) if self.numbers is None else self.numbers
        return replace(
            self,
            boxes=self.boxes[kept],
            landmarks=self.landmarks[kept],
            scores=self.scores[kept],
            passes=tuple(self.passes[row] for row in kept),
            qualities=self.qualities[kept],
            usable=self.usable[kept],
            embeddings=self.embeddings[kept],
            numbers=tuple(numbers[row] for row in kept),
            parts={name: part[kept] for name, part in self.parts.items()},
        )

    def noting(self, said: str) -> Analysis:
        """Add to the note."""
        return replace(self, note=said if self.note is None else f"{self.note}; {said}")


class _Stages:
    """Seconds by stage; those of decoding a picture are none of the stage that it happens in."""

    def __init__(self, picture: Picture) -> None:
        self.seconds: dict[str, float] = {}
        self._picture = picture

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began, decoding = time.perf_counter(), self._picture.seconds
        yield
        spent = time.perf_counter() - began - (self._picture.seconds - decoding)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent


def analyse(
    data: bytes,
    pack: ModelPack,
    *,
    max_pixels: int,
    max_faces: int = MAX_FACES,
    profile: ProfileName = "balanced",
    rescue_tight: bool = False,
    drawn: Drawn | None = None,
) -> Analysis:
    """Detect and embed every face of a photo.

    With ``rescue_tight`` a photo without a face is tried again with a border around it: a
    detector needs to see where a face ends, and crops made for enrolment often don't show it.
    Of more than ``max_faces`` the best are kept, and the note says so. Faces ``drawn`` by hand come
    on top of them.
    Raises PhotoError where the photo is at fault, and TransientError.
    """
    picture = Picture(data, max_pixels=max_pixels)
    stages = _Stages(picture)
    with stages("detect"):
        found = search(picture, pack.detector, PROFILES[profile])
        if rescue_tight and not len(found):
            found = _search_tight(picture, pack.detector, PROFILES[profile])
    every, found = len(found), found.best(max_faces)
    with stages("align"):
        decoded = _decoded_for(picture, found.faces.boxes)
        crops = crop_faces(decoded.image, rescaled(found.faces.landmarks, decoded.scale))
        hand = _by_hand(picture, decoded, found, pack.detector, drawn)
        crops = np.concatenate([crops, hand.crops])
        found = found.joined(hand.found)
    stages.seconds["decode"] = picture.seconds
    with stages("embed"):
        features = pack.recogniser.features(crops)
    sure = certainty(features, pack.record.feature_lengths)
    faces = found.faces
    parts = quality_parts(faces.boxes, faces.landmarks, faces.scores, crops, sure)
    whole = _analysis(decoded, found, parts, unit_length(features), stages)
    kept = len(found) - len(hand.numbers)
    if hand.numbers:
        whole = replace(whole, numbers=(*range(kept), *hand.numbers))
    return whole if every == kept else whole.noting(_capped(kept, every))


def _capped(kept: int, every: int) -> str:
    """The note of a photo of more faces than were kept."""
    return f"only the best {kept} of {every} faces were kept"


@dataclass(frozen=True, slots=True)
class _ByHand:
    """Faces drawn by hand, their aligned crops, and their boxes as they are in face ids."""

    found: Found
    crops: Image
    numbers: tuple[DrawnBox, ...] = ()


def _by_hand(
    picture: Picture, decoded: Decoded, found: Found, detector: Detector, drawn: Drawn | None
) -> _ByHand:
    """The faces that were drawn in a photo besides those ``found`` in it."""
    frame = Frame(decoded.width, decoded.height, decoded.orientation)
    seen: list[Box4] = [(x, y, w, h) for x, y, w, h in found.faces.boxes.tolist()]
    faces = drawn(frame, seen) if drawn else ()
    if not faces:
        return _ByHand(Found(Detections.none()), np.empty((0, SIZE, SIZE, 3), np.uint8))
    boxes = np.array([face.box for face in faces], np.float32)
    decoded = _decoded_for(picture, boxes)
    scaled_boxes = np.concatenate(
        [rescaled(boxes[:, :2], decoded.scale), boxes[:, 2:] * np.float32(decoded.scale)], axis=1
    )
    here = locate(decoded.image, scaled_boxes, detector)
    crops = crop_faces(decoded.image, here.faces.landmarks)
    marks = rescaled(here.faces.landmarks, 1 / decoded.scale)
    there = Found(Detections(boxes, marks, here.faces.scores), here.passes, here.sure)
    return _ByHand(there, crops, tuple(face.stored for face in faces))


def _decoded_for(picture: Picture, boxes: Floats) -> Decoded:
    """Decode the photo at the smallest scale that gives every usable face a crop's pixels.

    ``boxes`` are those of the faces. The full photo, where it has fewer.
    """
    decoded = picture.at_least(1)
    heights = boxes[:, 3]
    worth = heights[heights >= MINIMUM_HEIGHT]
    if not len(worth):
        return decoded
    smallest = float(worth.min()) * decoded.scale
    more = SMALL_FACE / max(smallest, 1.0)
    return picture.at_least(int(max(decoded.image.shape[:2]) * more)) if more > 1 else decoded


def _analysis(
    decoded: Decoded, found: Found, parts: dict[str, Floats], embeddings: Floats, stages: _Stages
) -> Analysis:
    faces, quality = found.faces, quality_of(parts)
    drawn = np.array([name == BY_HAND for name in found.passes], bool)
    quality = np.where(drawn, quality_of_drawn(parts), quality)
    outside = shares_outside(faces.landmarks, decoded.width, decoded.height)
    return Analysis(
        width=decoded.width,
        height=decoded.height,
        orientation=decoded.orientation,
        boxes=faces.boxes,
        landmarks=faces.landmarks,
        scores=faces.scores,
        passes=found.passes,
        qualities=lowered(quality, outside),
        usable=usable(faces.boxes, quality) & embeddings.any(axis=1),
        embeddings=embeddings,
        seconds=stages.seconds,
        parts=parts | {"outside": outside},
        stored=decoded.stored,
        note=decoded.note,
    )


def _search_tight(picture: Picture, detector: Detector, profile: Profile) -> Found:
    """Detect the faces of a tight crop with a border around it; ``picture`` is turned upright."""
    framed = _framed(picture.at_least(profile.passes[-1]).image)
    found = search_image(framed, detector, profile)
    quarters = (
        quarters_to_upright(framed, found.faces, detector)
        if len(found)
        else quarters_to_faces(framed, detector, profile)
    )
    if quarters:
        picture.turn(quarters)
        found = search_image(_framed(picture.at_least(1).image), detector, profile)
        found = found.named(f"turned {90 * quarters}")
    decoded = picture.at_least(1)
    right, down = (int(side * TIGHT_BORDER) for side in decoded.image.shape[1::-1])
    return found.moved(lambda faces: scaled(shifted(faces, -right, -down), 1 / decoded.scale))


def _framed(image: Image) -> Image:
    """Lay a border of an image's own edge colours around it."""
    down, right = (int(side * TIGHT_BORDER) for side in image.shape[:2])
    framed = cv2.copyMakeBorder(image, down, down, right, right, cv2.BORDER_REPLICATE)
    return np.asarray(framed, np.uint8)
