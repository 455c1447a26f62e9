"""Placing the labels of a photo: outside their box, clear of other faces and of each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headcount.contract.vocabulary import NAMED_BY_PERSON, Decision
from headcount.text import cosine_text
from workers.report.fonts import Line, can_draw, fit, kept_apart
from workers.report.palette import TONES, Tone
from workers.report.view import ShownFace

SHRUNK = (1.0, 0.8, 0.65)
"""Sizes that are tried before a label may cover something, as shares of the photo's text size."""

SMALLEST = 8
"""Least size in pixels: smaller type cannot be read."""

OVER_LABEL, OVER_FACE, OVER_OWN = 8.0, 4.0, 1.5
"""Costs of a label that lies wholly over another label, another face, or its own face."""

PLACES = 11
"""Places around a box that are tried, best first."""

_PRIORITY = (Decision.MATCHED, Decision.INFERRED, Decision.UNKNOWN)
_Rects = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle of whole pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    def grown(self, by: int, within: Rect) -> Rect:
        """Grow the rectangle on every side, as far as the image goes."""
        return Rect(
            max(within.left, self.left - by),
            max(within.top, self.top - by),
            min(within.right, self.right + by),
            min(within.bottom, self.bottom + by),
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A line of type on a filled rectangle that lies within the image."""

    rect: Rect
    line: Line
    tone: Tone
    padding: int


def wordings(face: ShownFace, number: int = 1) -> tuple[str, ...]:
    """Texts for a face's label, the longest first; none for an ignored face.

    ``number`` is that of the face from the left: it stands in place of a name that no font of this
    machine can draw, and the report has the name.
    """
    if face.decision is Decision.IGNORED:
        return ()
    if face.decision is Decision.UNKNOWN:
        return (f"? unknown {face.tag}".rstrip(), f"? {face.tag}".rstrip(), "?")
    sign = "~ " if face.decision is Decision.INFERRED else ""
    person = face.person or "unnamed"
    name = sign + (person if can_draw(person) else f"face {number}")
    elsewhere = face.evidence == NAMED_BY_PERSON and face.nearest != face.person
    if face.similarity is None or elsewhere:  # the similarity is to somebody else
        return (name,)
    return f"{kept_apart(name)} {cosine_text(face.similarity, face.threshold)}", name


def place(
    faces: Sequence[ShownFace], frames: Sequence[Rect], *, size: int, within: Rect
) -> list[Label]:
    """Place the labels of faces; ``frames`` are the drawn boxes of all faces, in the same order.

    Greedy: named faces choose first. A label without a free place is made smaller, then shorter,
    and at last put at the place where it covers least.
    """
    placed: list[Label] = []
    order = [number for number, face in enumerate(faces) if wordings(face)]
    order.sort(key=lambda number: _PRIORITY.index(faces[number].decision))
    boxes = _array(frames)
    numbers = _from_left(faces)
    for number in order:
        others = np.delete(boxes, number, axis=0)
        taken = _array([label.rect for label in placed])
        words = wordings(faces[number], numbers[number])
        tone = TONES[faces[number].decision]
        label = _best(words, tone, frames[number], others, taken, size=size, within=within)
        if label is not None:
            placed.append(label)
    return placed


def _from_left(faces: Sequence[ShownFace]) -> list[int]:
    """The number of each face from the left, the leftmost 1."""
    middles = [face.box.x + face.box.w / 2 for face in faces]
    order = sorted(range(len(faces)), key=lambda at: middles[at])
    return [rank for _, rank in sorted(zip(order, range(1, len(order) + 1), strict=True))]


def numbers_in_place_of_names(faces: Sequence[ShownFace]) -> dict[str, int]:
    """The numbers from the left that stand on the photo in place of names, by face id."""
    numbered = zip(faces, _from_left(faces), strict=True)
    return {f.face_id: n for f, n in numbered if f.person and not can_draw(f.person)}


def _best(
    wording: Sequence[str],
    tone: Tone,
    frame: Rect,
    others: _Rects,
    taken: _Rects,
    *,
    size: int,
    within: Rect,
) -> Label | None:
    best: Label | None = None
    least = np.inf
    for label_size, words in _attempts(wording, size):
        padding = max(1, label_size // 4)
        line = fit(words, label_size, within.width - 2 * padding)
        if line is None or line.height > within.height:
            continue
        rects = _places(frame, line, padding, within)
        costs = _costs(_array(rects), others, taken, _array([frame]))
        choice = int(np.argmin(costs))
        if costs[choice] < least:
            least = float(costs[choice])
            best = Label(rects[choice], line, tone, padding)
        if least < 1e-2:  # it covers nothing: what is left is the cost of its rank
            break
    return best


def _attempts(words: Sequence[str], size: int) -> Iterable[tuple[int, str]]:
    """Yield sizes and texts to try, the largest and longest first."""
    sizes = sorted({max(SMALLEST, round(size * share)) for share in SHRUNK}, reverse=True)
    for wording in words:
        for smaller in sizes:
            yield smaller, wording


def _places(frame: Rect, line: Line, padding: int, within: Rect) -> list[Rect]:
    """Candidate places: above, below, beside and inside the box, each moved into the image."""
    width, height = line.width + 2 * padding, line.height
    left, right = frame.left, frame.right - width
    middle = (left + right) // 2
    above, below = frame.top - height, frame.bottom
    spots = [
        (left, above), (right, above), (middle, above),
        (left, below), (right, below), (middle, below),
        (frame.right, frame.top), (left - width, frame.top),
        (frame.right, frame.bottom - height), (left - width, frame.bottom - height),
        (left, frame.bottom - height),
    ]  # fmt: skip
    return [_inside(x, y, width, height, within) for x, y in spots]


def _inside(x: int, y: int, width: int, height: int, within: Rect) -> Rect:
    left = max(within.left, min(x, within.right - width))
    top = max(within.top, min(y, within.bottom - height))
    return Rect(left, top, min(left + width, within.right), min(top + height, within.bottom))


def _costs(rects: _Rects, others: _Rects, taken: _Rects, own: _Rects) -> NDArray[np.float64]:
    """Cost of each place: shares of the label that cover something, and a little for its rank."""
    covered: NDArray[np.float64] = (
        OVER_LABEL * _overlap(rects, taken)
        + OVER_FACE * _overlap(rects, others)
        + OVER_OWN * _overlap(rects, own)
    )
    areas = np.prod(rects[:, 2:] - rects[:, :2], axis=1)
    rank: NDArray[np.float64] = np.arange(len(rects)) * 1e-3 / PLACES
    costs: NDArray[np.float64] = covered / np.maximum(areas, 1) + rank
    return costs


def _overlap(rects: _Rects, obstacles: _Rects) -> NDArray[np.float64]:
    """Square pixels that each of N rectangles shares with all obstacles together, N."""
    low = np.maximum(rects[:, None, :2], obstacles[None, :, :2])
    high = np.minimum(rects[:, None, 2:], obstacles[None, :, 2:])
    shared: NDArray[np.float64] = np.prod(np.clip(high - low, 0, None), axis=2).sum(axis=1)
    return shared


def _array(rects: Iterable[Rect]) -> _Rects:
    """Rectangles as rows of left, top, right, bottom, N x 4."""
    rows = [(rect.left, rect.top, rect.right, rect.bottom) for rect in rects]
    return np.array(rows, np.float64).reshape(-1, 4)
