"""The pages of a report: as many photos on the first as leave it small, the others on further ones.

Every page is whole in itself: it opens from a disk, and fetches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workers.report.view import Report, ShownPhoto

PAGE_BYTES = 36_000_000
"""Size of a page, about: a page of 40 MB still opens within a second or two, and can be mailed."""
LEAST_BYTES = 8_000_000
"""Room for photos on the first page, whatever else is there."""
FACE_BYTES = 1_800
"""Size of a face's row without its picture: words, a bar, figures."""


def encoded(*pictures: bytes) -> int:
    """Size of pictures as base64."""
    return sum(len(picture) for picture in pictures) * 4 // 3


def weight(photo: ShownPhoto) -> int:
    """Size of a photo's card on a page."""
    crops = (face.crop for face in photo.faces)
    return encoded(photo.preview, *crops) + FACE_BYTES * (1 + len(photo.faces))


def weight_besides(report: Report) -> int:
    """Size of everything on the first page but photos."""
    return encoded(*_pictures(report))


def _pictures(report: Report) -> Iterator[bytes]:
    for person in report.people:
        for shown in person.shown:
            yield from (shown.preview, shown.crop)
        yield from (crop for _, crop in person.found)
    for cluster in report.clusters:
        yield from (crop for _, crop in cluster.crops)
    for look in report.looks:
        yield from (look.face.crop, look.reference)
    if report.missing:
        yield from report.missing.crops.values()
        yield from report.missing.references.values()


def split(report: Report) -> list[tuple[ShownPhoto, ...]]:
    """The photos of each page, in their order; the first page may have few, or none."""
    room = max(LEAST_BYTES, PAGE_BYTES - weight_besides(report))
    return list(_blocks(report.shown, room))


def _blocks(photos: Iterable[ShownPhoto], room: int) -> Iterator[tuple[ShownPhoto, ...]]:
    block: list[ShownPhoto] = []
    for photo in photos:
        size = weight(photo)
        if block and size > room:
            yield tuple(block)
            block, room = [], PAGE_BYTES
        block.append(photo)
        room -= size
    yield tuple(block)
