"""The pictures that a page may ask for: of a face, of a reference, of a photo of the collection.

Keys that are asked for are those of photos with faces in the results, and no others.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from workers.web.crops import Wanted
from workers.web.describe import View


def wanted_face(view: View, row: int, size: int) -> Wanted | None:
    """The crop of a face; None where its photo is gone."""
    at = np.array([row])
    view.results.place(at)
    if not view.results.places.there[row]:
        return None
    x, y, w, h = (float(value) for value in view.results.places.boxes[row])
    return _of_photo(view, row, size, (x, y, w, h))


def wanted_photo(view: View, row: int, width: int) -> Wanted:
    """The whole photo of a face."""
    return _of_photo(view, row, width, None)


def _of_photo(
    view: View, row: int, size: int, box: tuple[float, float, float, float] | None
) -> Wanted:
    at = np.array([row])
    [frame], [key] = view.frames(at).tolist(), view.photos(at)
    source = view.results.part.uri
    return Wanted(source, key, size, box, orientation=frame[2], long_side=max(frame[:2]))


def photo_by_key(view: View, key: str, width: int) -> Wanted | None:
    """A photo of the collection by its key; None where the collection has none such."""
    at = int(view.shown.said.photos.index(pa.scalar(key, pa.string())).as_py())
    if at >= 0:
        order, starts = view.shown.said.by_photo
        return wanted_photo(view, int(order[starts[at]]), width)
    if not key or key not in view.results.tables.frames([key]):
        return None
    frame = view.results.tables.frames([key])[key]
    return Wanted(
        view.results.part.uri,
        key,
        width,
        orientation=frame.orientation,
        long_side=max(frame[:2]),
    )


def wanted_reference(view: View, row: int, size: int) -> Wanted:
    """The crop of a reference of the gallery, which may be of another folder."""
    gallery = view.results.gallery
    x, y, w, h = (float(value) for value in gallery.boxes[row])
    return Wanted(
        gallery.sources[row],
        gallery.photos[row],
        size,
        (x, y, w, h),
        orientation=gallery.orientation(row),
    )
