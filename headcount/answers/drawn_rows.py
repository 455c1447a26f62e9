"""Photos whose rows in an archive are not what the faces drawn by hand ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from headcount.answers.drawn import FoundFace, HandDrawn
from headcount.contract.forgotten import Place, forgotten_places
from headcount.contract.frames import Box4, Frame
from headcount.storage.base import Store

FACE_COLUMNS = ("face_id", "x", "y", "w", "h", "pass")
"""The columns of a face by which its photo is judged."""

PhotoKey = tuple[str, str]
"""The id of a photo's collection, and its key."""

Faces = Callable[[Iterable[PhotoKey]], Mapping[PhotoKey, Sequence[Mapping[str, Any]]]]
"""Gives the rows of some photos' faces, FACE_COLUMNS of them, by photo."""


class PhotoFrame(NamedTuple):
    """The content of a photo, and the frame that its rows are in."""

    content: str
    frame: Frame


def out_of_date(
    store: Store,
    faces: Faces,
    pack_id: str,
    drawn: HandDrawn,
    photos: Mapping[PhotoKey, PhotoFrame],
) -> set[PhotoKey]:
    """Those of the photos that lack a face drawn by hand, or have one that is drawn no more.

    ``photos`` were all processed, ``faces`` reads the pack's table. Nothing can be done for places
    outside a photo, and for forgotten ones: they are left out.
    """
    asked = {key: found for key, found in photos.items() if found.content in drawn.contents}
    if not asked:
        return set()
    forgotten, rows = forgotten_places(store), faces(asked)
    return {
        key
        for key, (content, frame) in asked.items()
        if not drawn.are_in(
            [_found(row) for row in rows.get(key, ())],
            content,
            frame,
            pack_id,
            boxes_of(forgotten.get(content, ()), frame),
        )
    }


def boxes_of(places: Sequence[Place], frame: Frame) -> list[Box4]:
    """The boxes of forgotten places in a frame of their photo."""
    return [place.box_in(frame) for place in places]


def _found(row: Mapping[str, Any]) -> FoundFace:
    return FoundFace(row["face_id"], (row["x"], row["y"], row["w"], row["h"]), row["pass"] or "")
