"""HEIC: the one door to its decoder, and pictures of tiles of which the decoder leaves some out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice

import numpy as np
from PIL import Image as Pillow

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.boxes import Boxes, Tiles, as_primary
from workers.images.limits import MAX_TILE_PIXELS
from workers.images.turns import as_stored
from workers.models.base import Image

try:
    import pi_heif as decoder
except ImportError:  # the same with an encoder under the GPL: an operator's own choice
    import pillow_heif as decoder

decoder.options.DECODE_THREADS = 1  # the workers' own threads are the parallelism
decoder.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

MAX_COPIED_BYTES = 4 << 30
"""Most bytes copied to decode tiles alone, one copy of the file for each: about 3 seconds. A file
of 20 MB may have 200 such tiles; in a damaged one it is the first that tells."""


def check_whole(boxes: Boxes | None) -> None:
    """Raise PhotoError for a HEIC or AVIF that ends before the bytes of its picture do."""
    if boxes is not None and boxes.lacks is not None:
        raise PhotoError(Outcome.UNREADABLE, boxes.lacks)


def check_tiles_decoded(data: bytes, boxes: Boxes | None, image: Image, orientation: int) -> None:
    """Raise PhotoError for a HEIC of tiles, one of which is flat since it could not be decoded.

    libheif leaves such a tile at zero, which is green or black, and says nothing. A tile that
    looks so is decoded alone, since a photo's own may be as flat. ``image`` is upright.
    """
    tiles = boxes.tiles if boxes else None
    if boxes is None or tiles is None or tiles.width * tiles.height > MAX_TILE_PIXELS:
        return
    pieces = enumerate(_cut(as_stored(image, orientation), tiles))
    empty = (number for number, pixels in pieces if _looks_empty(pixels))
    for number in islice(empty, 1 + MAX_COPIED_BYTES // len(data)):
        if not _decodes(as_primary(data, boxes, tiles, number)):
            of = f"tile {number + 1} of {len(tiles.items)}"
            raise PhotoError(Outcome.UNREADABLE, f"damaged: {of} cannot be decoded")


def _cut(stored: Image, tiles: Tiles) -> Iterator[Image]:
    """Cut a picture into its tiles, row by row; the last ones may be narrower."""
    for number in range(len(tiles.items)):
        top, left = (number // tiles.columns) * tiles.height, number % tiles.columns * tiles.width
        yield stored[top : top + tiles.height, left : left + tiles.width]


def _looks_empty(tile: Image) -> bool:
    """Whether a tile is as luma and colours of zero look: one green in all of it, or black."""
    if not tile.size or tile[0, 0, 0] or tile[0, 0, 2]:
        return False
    return bool(np.array_equal(tile, np.broadcast_to(tile[0, 0], tile.shape)))


def _decodes(data: bytes) -> bool:
    try:
        with Pillow.open(io.BytesIO(data), formats=("AVIF", "HEIF")) as picture:
            picture.load()
    except Exception:  # the decoder's errors have no common kind
        return False
    return True
