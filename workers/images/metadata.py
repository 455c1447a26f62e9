"""What a photo's file says of itself: when it was taken, and the people and keywords in it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from headcount.contract.taken import UNKNOWN, Taken
from headcount.regions.carried import carried_json
from headcount.regions.xmp import read_xmp
from workers.images.blocks import find_blocks
from workers.images.clock import utc_now
from workers.images.exif_times import exif_times
from workers.images.iim import KEYWORDS, read_iim
from workers.images.taken import when_taken

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The time at which a photo was taken, and the JSON of what it carries; None without."""

    taken: Taken = UNKNOWN
    carried: str | None = None


def read_metadata(data: bytes, key: str = "", listed: str = "") -> Metadata:
    """Read what a file says of itself; ``key`` and ``listed`` (a list's word) may tell its time.

    Never raises: damaged metadata say nothing.
    """
    try:
        return _read(data, key, listed)
    except Exception as error:  # no photo is to fail by what stands beside its pixels
        log.warning("metadata that cannot be read: %s", type(error).__name__)
        return Metadata()


def _read(data: bytes, key: str, listed: str) -> Metadata:
    blocks = find_blocks(data)
    xmp, iim = read_xmp(blocks.xmp), read_iim(blocks.iptc)
    taken = when_taken(exif_times(blocks.exif), xmp, iim, key=key, listed=listed, now=utc_now())
    return Metadata(taken, carried_json(xmp, iim.get(KEYWORDS, ())))
