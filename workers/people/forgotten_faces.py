"""Dropping the faces of forgotten people as they are detected, however their photo is turned."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from headcount.answers.record import SAME_PLACE, overlap
from headcount.contract.forgotten import ForgottenRecord, Place
from headcount.contract.frames import UNKNOWN, Frame
from headcount.contract.layout import FORGOTTEN
from headcount.contract.reading import FIRST
from headcount.contract.record import find_record
from headcount.storage import Store
from headcount.tables.filters import READING, any_of, parts
from headcount.tables.table import Table
from workers.faces.analysis import Analysis


def without_forgotten(analysis: Analysis, places: Sequence[Place]) -> Analysis:
    """Drop the faces at forgotten places from an analysis; the others keep their ids."""
    if not places:
        return analysis
    frame = Frame(analysis.width, analysis.height, analysis.orientation)
    boxes = [place.box_in(frame) for place in places]
    kept = [
        number
        for number, (x, y, w, h) in enumerate(analysis.boxes.tolist())
        if all(overlap((x, y, w, h), box) < SAME_PLACE for box in boxes)
    ]
    return analysis.where(kept)


def keep_frames(archive: Store, photos: Table) -> int:
    """Add the frames of the ``photos`` to forgotten places that lack them; gives their number.

    An earlier build kept none. The rows of the first reading have the frames that it went by; once
    a photo is read anew, and turned, nobody knows them any more. Tombstones of a `forget` that is
    not done yet are left alone.
    """
    kept = 0
    for info in list(archive.list(FORGOTTEN)):
        stone = find_record(archive, info.key, ForgottenRecord)
        if stone is None or stone.state != "done":
            continue
        bare = {p.content for p in stone.places if p.frame == UNKNOWN}
        frames = _frames(photos, bare) if bare else {}
        places = tuple(
            Place.of(p.content, p.box, frames.get(p.content, UNKNOWN)) if p.frame == UNKNOWN else p
            for p in stone.places
        )
        if places != stone.places:
            kept += 1
            archive.put(info.key, stone.model_copy(update={"places": places}).to_bytes())
    return kept


def _frames(photos: Table, contents: Collection[str]) -> dict[str, Frame]:
    """The frames of the first reading's photos, by content."""
    found = {}
    for part in parts(sorted(contents)):
        first = f"{READING} = {FIRST} AND {any_of('content', part)}"
        for row in photos.read(["content", *Frame._fields], where=first).to_pylist():
            found[row["content"]] = Frame.of(row)
    return found
