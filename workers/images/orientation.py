"""Which way up a photo is shown: what its boxes or its EXIF say, and what decoders did of it.

XMP may hold an orientation too (tiff:Orientation). No viewer turns a photo by it alone, so it
counts for nothing here, though Pillow and pi_heif take it where EXIF has none.
"""

from __future__ import annotations

from PIL import Image as Pillow

from workers.images.boxes import Boxes

ORIENTATION = 0x0112
_KNOWN = range(1, 9)


def settle_orientation(
    picture: Pillow.Image, boxes: Boxes | None, otherwise: int | None = None
) -> int:
    """The EXIF orientation by which a photo is turned in all, 1 of one that is not.

    ``otherwise`` counts where its EXIF has none. From now on the picture's EXIF in Pillow holds
    what is left to be done once the pixels are loaded.
    """
    own = exif_orientation(picture)
    whole = left = _known(otherwise if own is None else own)
    if boxes is not None:
        whole = boxes.turn or _known(_orientation_in(boxes.exif))
        left = whole
    if picture.format == "HEIF" and (boxes is None or boxes.turn):
        left = 1  # its decoder has heeded the boxes, even those that are unreadable here
        whole = whole if boxes is not None else 1
    picture.getexif()[ORIENTATION] = left
    return whole


def left_orientation(picture: Pillow.Image) -> int:
    """The orientation that is still to be applied: 1 where Pillow has turned a TIFF by itself."""
    return _known(picture.getexif().get(ORIENTATION))


def exif_orientation(picture: Pillow.Image) -> object:
    """The orientation in a photo's EXIF or TIFF tags, None without one; XMP's is left out."""
    try:
        picture.getexif()  # loads a PNG, whose EXIF may stand behind its pixels
    except Exception:  # damaged metadata of a photo that may be whole
        return None
    tags = getattr(picture, "tag_v2", None)
    if tags is not None:
        return tags.get(ORIENTATION)
    if "exif" in picture.info:
        return _orientation_in(picture.info["exif"])
    return _orientation_in(_profile(picture.info.get("Raw profile type exif")))


def _profile(text: object) -> bytes:
    """The EXIF that ImageMagick writes into a PNG's text: a name, a length, lines of hex digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:]))
    except ValueError:
        return b""


def _orientation_in(exif: bytes | None) -> object:
    tags = Pillow.Exif()
    try:
        tags.load(exif or b"")
        return tags.get(ORIENTATION)
    except Exception:  # damaged metadata of a photo that may be whole
        return None


def _known(value: object) -> int:
    """An orientation of 1 to 8; 1 of all else."""
    return value if isinstance(value, int) and value in _KNOWN else 1
