"""Searching a photo for faces: passes at the scales of a profile, merged into one list.

Each detector sees faces of some sizes well. A larger scale shows smaller faces and loses large
ones, so several scales are searched and their detections merged. A face counts where one pass is
sure of it, or where two passes agree on it with less certainty each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headcount.settings import ProfileName
from workers.faces.closer import look_closer
from workers.faces.merging import Found, Pass, merge
from workers.faces.scales import Sizes, scaled, up_to
from workers.faces.tiles import LARGEST, detect_at, detect_in_tiles
from workers.faces.turns import SHARPER, quarters_to_upright, upright_weights
from workers.images.decode import Decoded, Picture
from workers.images.turns import rotated
from workers.models.base import Detector, Image

CLOSE_UP = 256
"""Long side at which a face that fills the frame is detected: tried where no face is sure."""
DISTINCT = 1.15
"""Passes whose scales differ by less see the same; the smaller one is left out."""
MANY_FACES = 8
SMALL_FACE = 32.0
"""A photo with so many faces, or one so small in pixels of the largest pass, gets a tiled pass."""
TILE = 1664
"""The longest side of a tile of the tiled pass: it bounds the memory."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Passes over a photo, by the user's choice of speed or thoroughness.

    ``passes`` are the long sides, in pixels, to which a photo is scaled, ascending; it is
    enlarged for them at most ``enlarge`` times. ``tiled`` is the long side up to which a
    large group photo is searched again in tiles, 0 for never; ``always`` drops the condition
    that there be many or small faces. ``turns``: a photo without a face is searched turned; one
    whose faces look turned is so with every profile.
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


def search(picture: Picture, detector: Detector, profile: Profile) -> Found:
    """Detect every face of a photo, and turn ``picture`` so that it lies upright.

    Raises PhotoError where it cannot be decoded.
    """
    decoded = picture.at_least(profile.passes[-1])
    found, passes = _search(decoded.image, detector, profile)
    quarters = quarters_to_upright(decoded.image, found.faces, detector)
    if not quarters:
        found = _with_tiles(picture, decoded, (found, passes), detector, profile)
        if not len(found) and profile.turns:
            quarters = quarters_to_faces(decoded.image, detector, profile)
    if quarters:
        picture.turn(quarters)
        decoded = picture.at_least(profile.passes[-1])
        seen = _search(decoded.image, detector, profile)
        found = _with_tiles(picture, decoded, seen, detector, profile)
        found = found.named(f"turned {90 * quarters}")
    found = look_closer(decoded.image, found, detector)
    return found.moved(lambda faces: scaled(faces, 1 / decoded.scale))


def search_image(image: Image, detector: Detector, profile: Profile) -> Found:
    """Detect every face of an image as it is: no tiled pass, no turning."""
    return _search(image, detector, profile)[0]


def quarters_to_faces(image: Image, detector: Detector, profile: Profile) -> int:
    """Turn that shows a sure face in an image that shows none as it lies; 0 where there is none.

    In quarters anticlockwise. It is searched with the first pass of ``profile``.
    """
    quick = Profile(profile.passes[:1], profile.enlarge)
    best, most = 0, detector.scores.sure**SHARPER
    for quarters in (1, 3, 2):
        weights = upright_weights(search_image(rotated(image, quarters), detector, quick).faces)
        if (weight := float(weights.max(initial=0))) > most:
            best, most = quarters, weight
    return best


def _search(image: Image, detector: Detector, profile: Profile) -> tuple[Found, list[Pass]]:
    longest = max(image.shape[:2])
    scales, sizes = _scales(longest, profile), Sizes(image)
    passes = []
    for scale in scales:
        faces = detect_at(sizes, scale, detector)
        if scale != scales[0]:
            faces = up_to(faces, LARGEST / scale)
        passes.append(Pass(str(round(scale * longest)), faces, scale))
    found = merge(passes, detector)
    if longest > CLOSE_UP and not (len(found) and found.faces.scores[0] >= detector.scores.sure):
        close = detect_at(sizes, CLOSE_UP / longest, detector)
        passes.append(Pass(f"{CLOSE_UP} close-up", close, CLOSE_UP / longest))
        found = merge(passes, detector)
    return found, passes


def _scales(longest: int, profile: Profile) -> list[float]:
    """Scales of the passes, ascending, none nearly equal to the next."""
    scales = sorted({min(profile.enlarge, side / longest) for side in profile.passes})
    return [
        scale
        for scale, larger in zip(scales, [*scales[1:], np.inf], strict=True)
        if larger / scale >= DISTINCT
    ]


# -- the tiled pass -------------------------------------------------------------------------------


def _with_tiles(
    picture: Picture,
    decoded: Decoded,
    seen: tuple[Found, list[Pass]],
    detector: Detector,
    profile: Profile,
) -> Found:
    """Faces of a photo, those of a tiled pass among them where it wants one."""
    found, passes = seen
    if not _wants_tiles(decoded, found, profile):
        return found
    return merge([*passes, _tiled_pass(picture, decoded, detector, profile)], detector)


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


def _tiled_pass(picture: Picture, decoded: Decoded, detector: Detector, profile: Profile) -> Pass:
    """Run a pass over tiles of the photo at a larger scale; boxes in pixels of ``decoded``."""
    larger = picture.at_least(profile.tiled)
    longest = max(larger.image.shape[:2])
    image = Sizes(larger.image).at(min(1.0, profile.tiled / longest))
    side = max(image.shape[:2])
    faces = up_to(detect_in_tiles(image, detector, detector.largest or TILE), LARGEST)
    factor = max(decoded.image.shape[:2]) / side
    return Pass(f"{side} tiles", scaled(faces, factor), 1 / factor)
