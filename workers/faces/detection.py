"""Searching a photo for faces: passes at the scales of a profile, merged into one list.

Each detector sees faces of some sizes well. A larger scale shows smaller faces and loses large
ones, so several scales are searched and their detections merged. A face counts where one pass is
sure of it, or where two passes agree on it with less certainty each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from headcount.settings import ProfileName
from workers.images.align import rescaled
from workers.images.decode import Decoded, Picture
from workers.models.base import Detections, Detector, Floats, Image
from workers.models.detectors.boxes import overlaps, suppress, valid_detections

OVERLAP = 0.4
"""Largest overlap (intersection over union) of two faces; beyond it the better one stays."""
AGREE = 0.4
"""Overlap from which detections of two passes are one face."""
LARGEST = 192.0
"""A pass looks for faces up to this height in its own pixels, unless it is the smallest one:
larger ones are its false alarms, and the next smaller pass sees them better."""
CLOSE_UP = 256
"""Long side at which a face that fills the frame is detected: tried where no face is sure."""
DISTINCT = 1.15
"""Passes whose scales differ by less see the same; the smaller one is left out."""
MANY_FACES = 8
SMALL_FACE = 32.0
"""A photo with so many faces, or one so small in pixels of the largest pass, gets a tiled pass."""
TILE = 1664
"""The longest side of a tile of the tiled pass: it bounds the memory."""
TILE_OVERLAP = 0.2
"""Overlap of tiles, in parts of their longest side; at most LARGEST pixels."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Passes over a photo, by the user's choice of speed or thoroughness.

    ``passes`` are the long sides, in pixels, to which a photo is scaled, ascending; it is
    enlarged for them at most ``enlarge`` times. ``second_look`` is the long side up to which a
    large group photo is searched again in tiles, 0 for never; ``always`` drops the condition
    that there be many or small faces. ``turns``: a photo without a face is searched turned.
    """

    passes: tuple[int, ...]
    enlarge: float = 1.0
    tiled: int = 0
    always: bool = False
    turns: bool = False


PROFILES: dict[ProfileName, Profile] = {
    "fast": Profile((640,)),
    "balanced": Profile((640, 1448), enlarge=1.5, tiled=2896, turns=True),
    "thorough": Profile((640, 1024, 1448, 2048), enlarge=2.0, tiled=4096, always=True, turns=True),
}
"""Recall and cost of each: benchmarks/accuracy/detection.py, docs/finding.md."""


@dataclass(frozen=True, slots=True)
class Found:
    """The N faces of a photo, best first, in pixels of the full upright photo.

    ``passes`` names the pass that saw each best: the long side it searched, with a word for a
    pass of another kind.
    """

    faces: Detections
    passes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.faces)

    def moved(self, move: Callable[[Detections], Detections]) -> Found:
        """The same faces at other places."""
        return Found(move(self.faces), self.passes)


@dataclass(frozen=True, slots=True)
class _Pass:
    """Detections of one pass, in pixels of the image that is searched."""

    name: str
    faces: Detections


def search(picture: Picture, detector: Detector, profile: Profile) -> Found:
    """Detect every face of a photo. Raises PhotoError where it cannot be decoded."""
    decoded = picture.at_least(profile.passes[-1])
    found, passes = _search(decoded.image, detector, profile)
    if _wants_tiles(decoded, found, profile):
        passes.append(_tiled_pass(picture, decoded, detector, profile))
        found = _merged(passes, detector)
    if not len(found) and profile.turns and decoded.orientation == 1:
        found = _search_turned(decoded.image, detector, profile)
    return found.moved(lambda faces: scaled(faces, 1 / decoded.scale))


def search_image(image: Image, detector: Detector, profile: Profile) -> Found:
    """Detect every face of an image as it is: no tiled pass, no turning."""
    return _search(image, detector, profile)[0]


def _search(image: Image, detector: Detector, profile: Profile) -> tuple[Found, list[_Pass]]:
    longest = max(image.shape[:2])
    scales, sizes = _scales(longest, profile), Sizes(image)
    passes = []
    for scale in scales:
        faces = _detect_at(sizes, scale, detector)
        if scale != scales[0]:
            faces = _up_to(faces, LARGEST / scale)
        passes.append(_Pass(str(round(scale * longest)), faces))
    found = _merged(passes, detector)
    if longest > CLOSE_UP and not (len(found) and found.faces.scores[0] >= detector.scores.sure):
        close = _detect_at(sizes, CLOSE_UP / longest, detector)
        passes.append(_Pass(f"{CLOSE_UP} close-up", close))
        found = _merged(passes, detector)
    return found, passes


def _scales(longest: int, profile: Profile) -> list[float]:
    """Scales of the passes, ascending, none nearly equal to the next."""
    scales = sorted({min(profile.enlarge, side / longest) for side in profile.passes})
    return [
        scale
        for scale, larger in zip(scales, [*scales[1:], np.inf], strict=True)
        if larger / scale >= DISTINCT
    ]


def _detect_at(sizes: Sizes, scale: float, detector: Detector) -> Detections:
    """Detect faces at ``scale``; boxes in pixels of the image given."""
    image, resized = sizes.image, sizes.at(scale)
    limit = detector.largest
    if limit and max(resized.shape[:2]) > limit:
        faces = _detect_in_tiles(resized, detector, limit)
    else:
        faces = detector.detect(resized)
    # the exact factors of a resize that rounds to whole pixels
    step = 2 ** _halvings(image, scale)
    factors = np.array(
        [-(-image.shape[axis] // step) * step / resized.shape[axis] for axis in (1, 0)], np.float32
    )
    return scaled(faces, factors)


class Sizes:
    """An image at any scale: halved as often as that goes, by area averaging, the rest bilinear.

    A JPEG that was decoded at 1/2 or 1/4 so gives what the whole one gives. What is left is less
    than a factor of two, where each pixel still counts: area averaging finds no more faces and
    takes seven times as long. Each half is made once, for all passes.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self._halves = [image]

    def at(self, scale: float) -> Image:
        """Scale the image."""
        height, width = self.image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        times = _halvings(self.image, scale)
        while len(self._halves) <= times:
            self._halves.append(_halved(self._halves[-1]))
        image = self._halves[times]
        if size == image.shape[1::-1]:
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _halvings(image: Image, scale: float) -> int:
    """Number of times that an image is halved on its way to ``scale``."""
    side, shorter = image.shape[1], min(image.shape[:2])
    wanted, times = max(1, round(side * scale)), 0
    while shorter > 1 and side >= 2 * wanted:
        side, shorter, times = -(-side // 2), -(-shorter // 2), times + 1
    return times


def _halved(image: Image) -> Image:
    """Halve an image; an odd last row or column counts twice, as in a JPEG decoded at 1/2.

    OpenCV averages two by two pixels ten times as fast as nearly two by two.
    """
    down, right = (side // 2 for side in image.shape[:2])
    small = np.empty((-(-image.shape[0] // 2), -(-image.shape[1] // 2), 3), np.uint8)
    even = image[: 2 * down, : 2 * right]
    cv2.resize(even, (right, down), small[:down, :right], interpolation=cv2.INTER_AREA)
    if image.shape[1] % 2:
        small[:, -1:] = _halved(np.repeat(image[:, -1:], 2, axis=1))
    if image.shape[0] % 2:
        small[-1:] = _halved(np.repeat(image[-1:], 2, axis=0))
    return small


def scaled(faces: Detections, factor: float | Floats) -> Detections:
    """Scale faces by ``factor`` (one for both axes, or one for each)."""
    by = np.broadcast_to(np.asarray(factor, np.float32), 2)
    corners, sizes = rescaled(faces.boxes[:, :2], by), faces.boxes[:, 2:] * by
    return Detections(
        np.concatenate([corners, sizes], axis=1), rescaled(faces.landmarks, by), faces.scores
    )


def shifted(faces: Detections, x: float, y: float) -> Detections:
    """Move faces to the right and down."""
    by = np.array([x, y], np.float32)
    boxes = faces.boxes.copy()
    boxes[:, :2] += by
    return replace(faces, boxes=boxes, landmarks=faces.landmarks + by)


def _up_to(faces: Detections, height: float) -> Detections:
    """Select the faces that are no higher than this."""
    return faces.where(faces.boxes[:, 3] <= height)


# -- merging passes -------------------------------------------------------------------------------


def _merged(passes: Sequence[_Pass], detector: Detector) -> Found:
    """Merge the faces of all passes: each once, best first.

    A face stays where one pass is sure enough alone, or where two passes agree.
    """
    faces = valid_detections([seen.faces for seen in passes])
    if not len(faces.faces):
        return Found(Detections.none())
    boxes, scores = faces.faces.boxes, faces.faces.scores
    kept = suppress(boxes, scores, OVERLAP)
    seen_by = _passes_that_agree(boxes[kept], boxes, faces.part)
    enough = np.where(seen_by > 1, detector.scores.agreed, detector.scores.alone)
    kept = kept[scores[kept] >= enough]
    return Found(faces.faces.where(kept), tuple(passes[number].name for number in faces.part[kept]))


def _passes_that_agree(some: Floats, every: Floats, part: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of passes that detected each of ``some`` faces, by overlap with ``every`` face."""
    near = overlaps(some, every) >= AGREE
    return np.array([len(np.unique(part[row])) for row in near], np.intp)


# -- the tiled pass -------------------------------------------------------------------------------


def _wants_tiles(decoded: Decoded, found: Found, profile: Profile) -> bool:
    """Whether a photo has more pixels than were searched, and likely faces that need them."""
    side = profile.passes[-1]
    longest = max(decoded.width, decoded.height)
    if min(profile.tiled, longest) < side * DISTINCT:
        return False
    if profile.always or len(found) >= MANY_FACES:
        return True
    heights = found.faces.boxes[:, 3] * (side / max(decoded.image.shape[:2]))
    return bool(len(heights) and heights.min() < SMALL_FACE)


def _tiled_pass(picture: Picture, decoded: Decoded, detector: Detector, profile: Profile) -> _Pass:
    """Run a pass over tiles of the photo at a larger scale; boxes in pixels of ``decoded``."""
    larger = picture.at_least(profile.tiled)
    longest = max(larger.image.shape[:2])
    image = Sizes(larger.image).at(min(1.0, profile.tiled / longest))
    side = max(image.shape[:2])
    faces = _up_to(_detect_in_tiles(image, detector, detector.largest or TILE), LARGEST)
    factor = max(decoded.image.shape[:2]) / side
    return _Pass(f"{side} tiles", scaled(faces, factor))


def _detect_in_tiles(image: Image, detector: Detector, edge: int) -> Detections:
    """Detect faces in evenly laid tiles of an image, with sides of at most ``edge``.

    Tiles overlap, so that a face up to the overlap's size lies whole in one of them; those that
    are cut by a tile's inner edge are left to the next.
    """
    parts = []
    for top, bottom in _spans(image.shape[0], edge):
        for left, right in _spans(image.shape[1], edge):
            faces = detector.detect(image[top:bottom, left:right])
            whole = _whole(faces, (left, top, right, bottom), image)
            parts.append(shifted(faces.where(whole), left, top))
    faces = valid_detections(parts).faces
    return faces.where(suppress(faces.boxes, faces.scores, OVERLAP))


def _spans(length: int, edge: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of as few tiles as cover one side, each as short as the overlap allows."""
    overlap = int(min(LARGEST, TILE_OVERLAP * edge))
    count = max(1, -(-(length - overlap) // (edge - overlap)))
    side = -(-(length + (count - 1) * overlap) // count)
    for start in np.linspace(0, length - side, count).astype(int).tolist():
        yield start, start + side


def _whole(faces: Detections, tile: tuple[int, int, int, int], image: Image) -> NDArray[np.bool_]:
    """Mask of the faces of a tile that touch none of its edges but those of the image."""
    left, top, right, bottom = tile
    x, y, w, h = faces.boxes.T
    return np.asarray(
        ((x > 0) | (left == 0))
        & ((y > 0) | (top == 0))
        & ((x + w < right - left) | (right == image.shape[1]))
        & ((y + h < bottom - top) | (bottom == image.shape[0]))
    )


# -- photos that lie on their side ----------------------------------------------------------------


def _search_turned(image: Image, detector: Detector, profile: Profile) -> Found:
    """Detect faces of a photo that was stored turned and has no mark of it, at its best turn."""
    best, best_score = Found(Detections.none()), 0.0
    quick = Profile(profile.passes[:1], profile.enlarge)
    for turns in (1, 3, 2):
        turned = np.ascontiguousarray(np.rot90(image, turns))
        seen = search_image(turned, detector, quick)
        if len(seen) and seen.faces.scores[0] > max(best_score, detector.scores.sure):
            best_score = float(seen.faces.scores[0])
            height, width = image.shape[:2]
            found = search_image(turned, detector, profile)
            best = Found(
                unturned(found.faces, turns, width, height),
                tuple(f"{name} turned {90 * turns}" for name in found.passes),
            )
    return best


def unturned(faces: Detections, turns: int, width: int, height: int) -> Detections:
    """Faces of a turned image in pixels of the image before.

    The image was ``width`` x ``height`` and was turned ``turns`` quarters anticlockwise, as
    numpy's rot90 does.
    """
    boxes, marks = faces.boxes, faces.landmarks
    sizes = [(width, height) if n % 2 == 0 else (height, width) for n in range(turns)]
    for before_width, _ in reversed(sizes):
        x, y, w, h = boxes.T
        boxes = np.stack([before_width - (y + h), x, h, w], axis=1)
        marks = np.stack([before_width - marks[..., 1], marks[..., 0]], axis=-1)
    return Detections(boxes.astype(np.float32), marks.astype(np.float32), faces.scores)
