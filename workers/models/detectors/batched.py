"""A detector that runs the images of many threads together, as one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError, TransientError
from headcount.settings import Settings
from workers.models.base import Detections, Floats, Image, Scores
from workers.models.batching import Batched
from workers.models.detectors.boxes import Cells, filled, merged
from workers.models.detectors.device_form import CHANNELS, IMAGE, STRIDES, UNREAD
from workers.models.model_file import ModelFile, open_network
from workers.models.onnx.pixels import PIXELS
from workers.models.providers import Needs, ShapeRange
from workers.models.session import Session

log = logging.getLogger(__name__)

CELL = 32
"""An image ends at a multiple of the coarsest stride, as it does where it is run alone."""
LONG_SIDES = (256, 640, 1024, 1472, 1664, 2048)
"""Images are padded to these: close-up, passes and tiles of workers/faces/detection.py."""
FURTHER = 512
"""Beyond the largest of them, to multiples of this."""
SHORT_PARTS = (0.75, 1.0)
"""The short side in parts of the long one: 4:3 and less, square. Every further shape costs a plan
of all convolutions and memory; what a GPU computes of the margins costs less."""
LARGEST = LONG_SIDES[-1]
MOST = 16
"""Most images of a batch: a GPU is full then, and an engine holds memory for all of them."""
SIZES = (1, 4, MOST)
"""Batches are filled up to one of these."""
TRIAL_SIDE = 256
"""Side of the images by which a network of free size is tried."""
SAME = 0.01
"""Largest relative difference of a score between an image alone and one among others."""


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """The maps of a family's networks, three of STRIDES, and how their cells are read.

    ``scores`` are those of its detectors, ``anchors`` the cells at each place, ``overlap`` the
    limit of non-maximum suppression; ``faces_of`` makes faces of some cells of one map, given the
    input's width and the map's stride; ``form`` makes the network's form of device_form.py.
    """

    scores: Scores
    anchors: int
    overlap: float
    faces_of: Callable[[Cells, int, int], Detections]
    form: Callable[[bytes, str], bytes]


def open_batched(
    maps: FeatureMaps, ready: bytes, file: ModelFile, settings: Settings
) -> BatchedDetector | None:
    """Open a detector that takes images of several sizes at once; None for one that cannot.

    ``ready`` is the network with its axes freed.
    """
    try:
        form = maps.form(ready, file.name)
        session = open_network(form, file, settings, Needs(PIXELS, shape_range()))
        return BatchedDetector(session, maps, name=file.name)
    except FatalError as error:
        log.warning("%s; only its images of one size are run together", error)
        return None


class BatchedDetector:
    """A detector in the form of workers/models/detectors/device_form.py.

    Detects the same faces as its plain form. Raises FatalError for a network that mixes images up.
    """

    largest = None

    def __init__(self, session: Session, maps: FeatureMaps, *, name: str) -> None:
        self.scores = maps.scores
        self._maps = maps
        self._input = next(iter(session.inputs))
        _require_images_apart(session, name)
        self.network = Batched(session.bound(), sizes=SIZES)

    def detect(self, image: Image) -> Detections:
        """Detect faces in one pass; the image lies in the upper left of the network's input."""
        ends = celled(*image.shape[:2])
        shape = padded_shape(*ends)
        pixels = canvas(image, ends, shape)
        parts = list(self._read(pixels, Block(0, 0, *ends)))
        found, cells = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
        return read_best(found, cells, shape, self._maps)

    def _read(self, pixels: Image, block: Block) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
        """The good cells of a block; those of its halves, where more are good than come back.

        ``pixels`` is the canvas with the block to be read.
        """
        found, cells = self.network.run({self._input: pixels[None]})
        good = found[0, :, 0] >= self.scores.support
        if good.all():
            for half in block.halves():
                yield from self._read(half.alone_read(pixels), half)
        else:
            yield found[0][good], cells[0][good]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an image, in pixels from its upper left corner; sides are multiples of CELL."""

    top: int
    left: int
    bottom: int
    right: int

    def alone_read(self, pixels: Image) -> Image:
        """A copy of the canvas with all else of its image marked UNREAD."""
        made = pixels.copy()
        marks = made[..., 3]
        marks[marks > 0] = UNREAD
        marks[self.top : self.bottom, self.left : self.right] = IMAGE
        return made

    def halves(self) -> list[Block]:
        """Cut the block across its longer side. One of a single CELL has too few cells for that."""
        down, right = self.bottom - self.top, self.right - self.left
        if down >= right:
            middle = self.top + filled(down // 2, CELL)
            return [replace(self, bottom=middle), replace(self, top=middle)]
        middle = self.left + filled(right // 2, CELL)
        return [replace(self, right=middle), replace(self, left=middle)]


def canvas(image: Image, ends: tuple[int, int], shape: tuple[int, int]) -> Image:
    """The image in the upper left of a black one; its fourth channel is IMAGE up to its ends."""
    made = np.zeros((*shape, CHANNELS), np.uint8)
    made[: image.shape[0], : image.shape[1], :3] = image
    made[: ends[0], : ends[1], 3] = IMAGE
    return made


def celled(height: int, width: int) -> tuple[int, int]:
    """Height and width of an image, filled up to whole cells."""
    return filled(height, CELL), filled(width, CELL)


def padded_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width to which an image is padded: one of few shapes."""
    longest = max(height, width)
    long = next((side for side in LONG_SIDES if side >= longest), filled(longest, FURTHER))
    parts = (filled(int(long * part), CELL) for part in SHORT_PARTS)
    short = next(side for side in parts if side >= min(height, width))
    return (long, short) if height > width else (short, long)


def read_best(
    found: Floats, cells: NDArray[np.int64], shape: tuple[int, int], maps: FeatureMaps
) -> Detections:
    """The faces of an image's good cells: K x 15 numbers and K cells of all maps.

    ``shape`` is that of the network's input.
    """
    height, width = shape
    numbers = cells.astype(np.intp)
    parts, start = [], 0
    for stride in STRIDES:
        end = start + (height // stride) * (width // stride) * maps.anchors
        here = np.flatnonzero((numbers >= start) & (numbers < end))
        mine = found[here]
        at = Cells(mine[:, 0], mine[:, 1:5], mine[:, 5:], numbers[here] - start)
        parts.append(maps.faces_of(at, width, stride))
        start = end
    return merged(parts, maps.overlap)


def _require_images_apart(session: Session, name: str) -> None:
    """Raise FatalError unless images run together give what each gives alone.

    A Reshape within a network may have been made for one image.
    """
    waves = (
        np.sin(np.mgrid[:TRIAL_SIDE, :TRIAL_SIDE].sum(axis=0) / 9)[..., None] * [90, 60, 30] + 128
    )
    grain = np.random.default_rng(0).integers(0, 256, (TRIAL_SIDE, TRIAL_SIDE, 3))
    whole = (TRIAL_SIDE, TRIAL_SIDE)
    images = np.stack([canvas(image.astype(np.uint8), whole, whole) for image in (waves, grain)])
    given = next(iter(session.inputs))
    try:
        together = session.run({given: images})[0][..., 0]
        alone = [session.run({given: image[None]})[0][0, :, 0] for image in images]
    except TransientError as error:
        raise FatalError(f"the detector {name} takes one image at a time: {error}") from error
    if not np.allclose(together, alone, rtol=SAME, atol=1e-7):
        raise FatalError(f"the detector {name} mixes up images that it sees together")


def shape_range() -> ShapeRange:
    """Range of input shapes that an engine is made for."""
    return ShapeRange(
        (1, CELL, CELL, CHANNELS), (MOST, 480, 640, CHANNELS), (MOST, LARGEST, LARGEST, CHANNELS)
    )
