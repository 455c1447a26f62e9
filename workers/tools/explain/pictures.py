"""The pictures beside an explanation: faces and references, cut out of their photos again."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from headcount.collections import open_collection
from headcount.contract.vocabulary import Box
from headcount.errors import HeadcountError
from headcount.storage import open_store
from headcount.storage.base import Reader
from workers.images.decode import Decoded, decode
from workers.report.annotate import crop, outline, preview
from workers.report.page import data_uri
from workers.tools.explain.case import Row
from workers.tools.explain.moment import Moment

CROP, PHOTO, DECODED = 160, 960, 1600
"""Sides of a face's picture and of the whole photo's; the long side that photos are decoded at."""
PHOTOS = 80
"""Photos that are read for one explanation, at most."""


def with_pictures(moment: Moment, document: Row) -> Row:
    """The document with a ``picture`` (a data URI) in each face and reference that could be read.

    The whole photo of a face or photo is the document's ``photo_picture``.
    """
    shown = copy.deepcopy(document)
    wanted: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for one in pictured(shown):
        wanted[one.get("source") or moment.tables.source, one["photo"]].append(one)
    whole = _whole(shown)
    for place in whole:
        _ = wanted[moment.tables.source, place]
    turns = moment.tables.orientations([key for at, key in wanted if at == moment.tables.source])
    readers = _Readers(moment)
    for (source, key), faces in list(wanted.items())[:PHOTOS]:
        turn = next((f["orientation"] for f in faces if f.get("orientation")), turns.get(key, 0))
        decoded = readers.decoded(source, key, int(turn))
        if decoded is None:
            continue
        for face in faces:
            face["picture"] = data_uri(crop(decoded.image, _scaled(face, decoded.scale), CROP))
        if source == moment.tables.source and key in whole:
            shown["photo_picture"] = _photo(decoded, [face for face in faces if "face_id" in face])
    return shown


def _photo(decoded: Decoded, faces: list[Row]) -> str:
    """The whole photo, with a frame around each of the faces."""
    image = decoded.image
    for face in faces:
        image = outline(image, _box(face), scale=decoded.scale)
    return data_uri(preview(image, PHOTO))


def pictured(document: Row) -> Iterator[Row]:
    """Everything in a document that is a face or a reference with a box."""
    if document.get("face"):
        yield document["face"]
    for person in document.get("nearest", ()):
        yield from person["references"]
    yield from (document.get("cluster") or {}).get("most_like", ())
    for name in ("beside", "near_misses", "references"):
        yield from document.get(name, ())
    if document["kind"] == "photo":
        yield from document["faces"]


def _whole(document: Row) -> list[str]:
    """The photo that is shown whole."""
    one = document.get("face") or (document["kind"] == "photo" and document["photo"])
    return [one["photo"]] if one else []


def _box(face: Row) -> Box:
    return Box(*face["box"])


def _scaled(face: Row, scale: float) -> Box:
    return Box(*(value * scale for value in face["box"]))


class _Readers:
    """The collection, and the places that references came from, each opened once."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._open: dict[str, Reader | None] = {}

    def decoded(self, source: str, key: str, orientation: int) -> Decoded | None:
        """A photo, turned as its boxes are; None where it cannot be read any more."""
        limits = self._moment.spec.limits
        try:
            reader = self._reader(source)
            data = reader.get(key, limit=limits.max_bytes).data
            found = decode(data, max_pixels=limits.max_pixels, min_long_side=DECODED)
            return found.turned_as(orientation)
        except HeadcountError:
            return None

    def _reader(self, source: str) -> Any:
        if source not in self._open:
            moment, s3 = self._moment, self._moment.s3
            self._open[source] = (
                open_collection(source, s3, indexes=moment.store, archives=moment.spec.archives)
                if source == moment.tables.source
                else open_store(source, s3)
            )
        return self._open[source]
