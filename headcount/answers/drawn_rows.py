"""Photos whose rows in an archive are not what the faces drawn by hand ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headcount.answers.drawn import FoundFace, HandDrawn
from headcount.contract.forgotten import Place, forgotten_places
from headcount.contract.frames import Frame
from headcount.storage.base import Store
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.table import Table

_COLUMNS = ("photo", "face_id", "x", "y", "w", "h", "pass")


class PhotoKey(NamedTuple):
    """A photo of an archive, by the id of its collection and its key."""

    collection: str
    photo: str


class PhotoFrame(NamedTuple):
    """The content of a photo, and the frame that its rows are in."""

    content: str
    frame: Frame


def out_of_date(
    store: Store,
    faces: Table,
    pack_id: str,
    drawn: HandDrawn,
    photos: Mapping[PhotoKey, PhotoFrame],
) -> set[PhotoKey]:
    """Those of the photos that lack a face drawn by hand, or have one that is drawn no more.

    ``faces`` is the pack's table. Photos that were processed are asked for, and no others. What
    nothing can be done for is left out: places outside a photo, and forgotten ones.
    """
    asked = {key: found for key, found in photos.items() if found.content in drawn.contents}
    if not asked:
        return set()
    forgotten, rows = forgotten_places(store), _rows(faces, asked)
    return {
        key
        for key, (content, frame) in asked.items()
        if not drawn.are_in(
            rows[key], content, frame, pack_id, boxes_of(forgotten.get(content, ()), frame)
        )
    }


def boxes_of(places: Sequence[Place], frame: Frame) -> list[tuple[float, float, float, float]]:
    """The boxes of forgotten places in a frame of their photo."""
    return [place.box_in(frame) for place in places]


def _rows(
    faces: Table, photos: Mapping[PhotoKey, PhotoFrame]
) -> Mapping[PhotoKey, list[FoundFace]]:
    """The faces of the photos."""
    found: defaultdict[PhotoKey, list[FoundFace]] = defaultdict(list)
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for collection, photo in sorted(photos):
        keys[collection].append(photo)
    for collection, some in keys.items():
        for part in parts(some):
            where = f"{in_collection(collection)} AND {any_of('photo', part)}"
            for row in faces.read(_COLUMNS, where=where).to_pylist():
                box = (row["x"], row["y"], row["w"], row["h"])
                face = FoundFace(row["face_id"], box, row["pass"] or "")
                found[PhotoKey(collection, row["photo"])].append(face)
    return found
