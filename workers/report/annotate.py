"""Drawing of boxes, labels and a banner on photos; crops and previews for the report."""

from __future__ import annotations

import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from headcount.contract.vocabulary import Box, Decision
from workers.report.fonts import Line, can_draw, fit, kept_apart, typeset
from workers.report.labels import Label, Rect, place
from workers.report.palette import ALERT, BLACK, RGB, TONES, WHITE
from workers.report.view import ShownFace

Pixels = NDArray[np.uint8]
"""An upright image, height x width x 3, RGB."""

SURROUNDINGS = 0.3
"""Margin of a crop on each side of the face, as a share of the box's longer side."""

SEEN_SHARE = 0.3
"""Share of another face's box from which on somebody may take it for the one that is meant."""
AROUND = 0.06
"""Margin of a face that is left light, as a share of the box's longer side."""
DARKENED = 0.35
"""Share of its brightness that is left to what is not meant."""

BANNER_LINES = 6
"""Lines with names of missing people; further names are only counted."""

NOT_DRAWN = "a name in the report"
"""Words of the banner for a name that no font here can draw."""

_DRAWING_ORDER = (Decision.IGNORED, Decision.MATCHED, Decision.INFERRED, Decision.UNKNOWN)


def annotate(
    image: Pixels, faces: Sequence[ShownFace], missing: Sequence[str], *, scale: float
) -> Pixels:
    """Draw boxes and labels of faces on a copy of an image, and a banner with missing people.

    The boxes are in pixels of the upright photo; times ``scale`` they are pixels of ``image``.
    The banner is added below the image and hides nothing of it; the pixels of the photo keep
    their place.
    """
    canvas = Image.fromarray(image)
    draw = Draw(canvas)
    within = Rect(0, 0, canvas.width, canvas.height)
    boxes = [_scaled(face.box, scale, within) for face in faces]
    pen = Pen.of(within, boxes)
    frames = [pen.frame(box, face.decision, within) for box, face in zip(boxes, faces, strict=True)]
    for number in _back_to_front(faces):
        _draw_frame(draw, frames[number], faces[number].decision)
    outer = [frame.rect for frame in frames]
    for label in place(faces, outer, size=pen.text, within=within):
        _draw_label(draw, label)
    return np.array(_with_banner(canvas, missing, pen) if missing else canvas)


def outline(image: Pixels, box: Box, *, scale: float) -> Pixels:
    """Draw a green box without a label around the face that was taken from a reference photo."""
    canvas = Image.fromarray(image)
    within = Rect(0, 0, canvas.width, canvas.height)
    scaled = _scaled(box, scale, within)
    frame = Pen.of(within, [scaled]).frame(scaled, Decision.MATCHED, within)
    _draw_frame(Draw(canvas), frame, Decision.MATCHED)
    return np.array(canvas)


def crop(image: Pixels, box: Box, size: int = 96, *, others: Sequence[Box] = ()) -> bytes:
    """Cut out the face at ``box`` (pixels of ``image``) with a margin, as a square JPEG.

    The square is moved, and if need be made smaller, to stay within the image. Where one of the
    ``others``, the boxes of further faces, shows in it, all around the face is darkened.
    """
    height, width = image.shape[:2]
    side = max(1, min(round(max(box.w, box.h) * (1 + 2 * SURROUNDINGS)), width, height))
    left = min(max(0, round(box.x + box.w / 2 - side / 2)), width - side)
    top = min(max(0, round(box.y + box.h / 2 - side / 2)), height - side)
    pixels = image[top : top + side, left : left + side]
    square = Rect(left, top, left + side, top + side)
    if any(_shows(square, other) for other in others):
        pixels = _darkened_around(pixels, box, square)
    made = Image.fromarray(pixels)
    return _jpeg(made.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0), 85)


def _shows(square: Rect, box: Box) -> bool:
    """Whether so much of a box is in a square that it may be taken for the one that is meant."""
    across = min(square.right, box.x + box.w) - max(square.left, box.x)
    down = min(square.bottom, box.y + box.h) - max(square.top, box.y)
    return across > 0 and down > 0 and across * down >= SEEN_SHARE * box.area


def _darkened_around(pixels: Pixels, box: Box, square: Rect) -> Pixels:
    """The pixels of a square, dark outside of the box and a little around it."""
    around = AROUND * max(box.w, box.h)
    left, top = round(box.x - around) - square.left, round(box.y - around) - square.top
    right, bottom = (
        round(box.x + box.w + around) - square.left,
        round(box.y + box.h + around) - square.top,
    )
    inside = np.s_[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    dark = (pixels * DARKENED).astype(np.uint8)
    dark[inside] = pixels[inside]
    return dark


def preview(image: Pixels, long_side: int = 960, *, mark: bytes = b"") -> bytes:
    """Encode the image as a JPEG of at most ``long_side`` pixels on its longer side.

    ``mark`` becomes its comment.
    """
    picture = Image.fromarray(image)
    picture.thumbnail((long_side, long_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _jpeg(picture, 80, mark)


def _jpeg(picture: Image.Image, quality: int, mark: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True, comment=mark)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Frame:
    """The outer edge of a drawn box, its line's width, and the hairline around it."""

    rect: Rect
    line: int
    hairline: int


@dataclass(frozen=True, slots=True)
class Pen:
    """Width of lines and size of text for one image, in pixels."""

    line: int
    text: int

    @classmethod
    def of(cls, within: Rect, boxes: Sequence[Rect]) -> Pen:
        """Choose sizes that are legible in the whole image, and smaller among small faces."""
        long_side = max(within.width, within.height)
        typical = statistics.median(box.height for box in boxes) if boxes else 0
        crowded = 0.62 if len(boxes) > 30 else 0.8 if len(boxes) > 12 else 1.0
        text = min(max(0.2 * typical, 0.017 * crowded * long_side), 0.026 * long_side)
        return cls(line=max(2, round(long_side / 350)), text=max(10, round(text)))

    def frame(self, box: Rect, decision: Decision, within: Rect) -> Frame:
        """Frame of a box; its line lies on the box's edge and outside of it."""
        weight = {Decision.UNKNOWN: 2.0, Decision.IGNORED: 0.5}.get(decision, 1.0)
        finest = 2 if decision is Decision.UNKNOWN else 1
        bound = max(finest, round(max(box.width, box.height) / 8))  # small faces stay visible
        line = min(max(finest, round(self.line * weight)), bound)
        return Frame(box.grown(line - 1, within), line, min(line - 1, max(1, self.line // 3)))


def _scaled(box: Box, scale: float, within: Rect) -> Rect:
    """Box in pixels of the image, at least one pixel large and inside of it."""
    left = min(max(round(box.x * scale), 0), within.right - 1)
    top = min(max(round(box.y * scale), 0), within.bottom - 1)
    right = min(max(round((box.x + box.w) * scale), left + 1), within.right)
    bottom = min(max(round((box.y + box.h) * scale), top + 1), within.bottom)
    return Rect(left, top, right, bottom)


def _back_to_front(faces: Sequence[ShownFace]) -> list[int]:
    """Face numbers in drawing order: those that matter most come last."""
    return sorted(range(len(faces)), key=lambda n: _DRAWING_ORDER.index(faces[n].decision))


def _draw_frame(draw: ImageDraw, frame: Frame, decision: Decision) -> None:
    """Draw a box: solid, or dashed if inferred, with a hairline that sets it off from the photo."""
    colour = TONES[decision].fill
    rect = frame.rect
    if decision is not Decision.IGNORED and frame.hairline:
        hairline = WHITE if TONES[decision].ink == WHITE else BLACK
        width = frame.line + frame.hairline
        edge = Rect(
            rect.left - frame.hairline,
            rect.top - frame.hairline,
            rect.right + frame.hairline,
            rect.bottom + frame.hairline,
        )
        draw.rectangle(_corners(edge), outline=hairline, width=width)
    if decision is Decision.INFERRED:
        _draw_dashes(draw, rect, frame.line, colour)
    else:
        draw.rectangle(_corners(rect), outline=colour, width=frame.line)


def _draw_dashes(draw: ImageDraw, rect: Rect, line: int, colour: RGB) -> None:
    """Draw dashes along the four sides; corners and the middle of each side are always inked."""
    for start, end in _dashes(rect.left, rect.right, 4 * line):
        draw.rectangle((start, rect.top, end, rect.top + line - 1), fill=colour)
        draw.rectangle((start, rect.bottom - line, end, rect.bottom - 1), fill=colour)
    for start, end in _dashes(rect.top, rect.bottom, 4 * line):
        draw.rectangle((rect.left, start, rect.left + line - 1, end), fill=colour)
        draw.rectangle((rect.right - line, start, rect.right - 1, end), fill=colour)


def _dashes(start: int, end: int, length: int) -> list[tuple[int, int]]:
    """First and last pixel of every other of 4n+1 pieces, each of about ``length``, of a line."""
    pieces = 4 * max(1, round((end - start) / length / 4)) + 1
    cuts = [start + round((end - start) * piece / pieces) for piece in range(pieces + 1)]
    return [(a, max(a, b - 1)) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]


def _draw_label(draw: ImageDraw, label: Label) -> None:
    draw.rectangle(_corners(label.rect), fill=label.tone.fill)
    at = (label.rect.left + label.padding, label.rect.top)
    label.line.draw(draw, at, label.tone.ink)


def _with_banner(canvas: Image.Image, missing: Sequence[str], pen: Pen) -> Image.Image:
    """Add a red banner with the names of missing people below the image."""
    padding = pen.text // 2
    lines = _banner_lines(missing, pen.text, canvas.width - 2 * padding)
    leading = round(pen.text * 1.35)
    height = max(leading * len(lines), leading) + 2 * padding
    higher = Image.new("RGB", (canvas.width, canvas.height + height), ALERT.fill)
    higher.paste(canvas)
    draw = Draw(higher)
    for number, line in enumerate(lines):
        at = (padding, canvas.height + padding + number * leading)
        line.draw(draw, at, ALERT.ink)
    return higher


def _banner_lines(missing: Sequence[str], size: int, width: int) -> list[Line]:
    """Fill the names into lines; only a name that is longer than a line is cut."""
    missing = [kept_apart(name) if can_draw(name) else NOT_DRAWN for name in missing]
    rows: list[list[str]] = [[f"missing: {missing[0]}"]]
    for name in missing[1:]:
        longer = ", ".join((*rows[-1], name)) + ","
        if typeset(longer, size).width <= width:
            rows[-1].append(name)
        else:
            rows.append([name])
    texts = [", ".join(row) for row in rows[:BANNER_LINES]]
    if len(rows) > BANNER_LINES:
        left = sum(len(row) for row in rows[BANNER_LINES - 1 :])
        texts[-1] = f"and {left:,} more"
    commas = [*[","] * (len(texts) - 1), ""]
    lines = (fit(text + comma, size, width) for text, comma in zip(texts, commas, strict=True))
    return [line for line in lines if line]


def _corners(rect: Rect) -> tuple[int, int, int, int]:
    """Corners for Pillow, whose rectangles include their last row and column."""
    return rect.left, rect.top, max(rect.left, rect.right - 1), max(rect.top, rect.bottom - 1)
