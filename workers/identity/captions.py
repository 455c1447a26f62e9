"""Captions: who stands where in each photo, in words, row by row from left to right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract import results
from headcount.contract.captions import caption_text, lead_of
from headcount.contract.vocabulary import NAMED_BY_PERSON, NOT_A_FACE, Decision
from workers.identity.people_rows import BYSTANDER, CROWD, Boxes, people_rows
from workers.tables.columns import as_bool, factorize, one_array

SURE = 0.95
"""Chance of being right from which a match is not in brackets: 1 in 20 may be wrong there."""
BLOCK = 20_000
"""Faces that are captioned at once: what Python objects there are is bounded by it."""


def captions(faces: pa.Table) -> Iterator[pa.Table]:
    """The captions of the photos in which somebody is named, part by part.

    ``faces`` are sorted by photo. Left out are boxes that are no face, faces without a name that
    are small beside the largest of their photo, and photos with more than CROWD faces.
    """
    named = faces.filter(_of_named_photos(faces))
    real = pc.fill_null(pc.not_equal(named["evidence"], NOT_A_FACE), True)
    named = named.filter(real)
    doubtful = _doubtful(named)
    photo, _ = factorize(named["photo"])
    starts = np.flatnonzero(np.diff(photo, prepend=-1))
    ends = np.append(starts[1:], len(photo))
    for first, last in _blocks(starts, ends):
        low, high = int(starts[first]), int(ends[last - 1])
        part = named.slice(low, high - low)
        bounds = zip(starts[first:last] - low, ends[first:last] - low, strict=True)
        yield _captioned(part, doubtful[low:high], list(bounds))


def _of_named_photos(faces: pa.Table) -> pa.Array:
    """Mask of the faces in photos in which a face has a name."""
    photo, keys = factorize(faces["photo"])
    has = np.zeros(len(keys), bool)
    has[photo[as_bool(pc.is_valid(faces["person"]))]] = True
    return pa.array(has[photo])


def _doubtful(faces: pa.Table) -> NDArray[np.bool_]:
    """Mask of the faces whose name is inferred, or a match that may well be wrong."""
    inferred = pc.equal(faces["decision"], Decision.INFERRED.value)
    unsure = pc.and_(
        pc.fill_null(pc.less(faces["probability"], SURE), False),
        pc.fill_null(pc.not_equal(faces["evidence"], NAMED_BY_PERSON), True),
    )
    said = pc.is_valid(faces["person"])
    return as_bool(pc.and_(said, pc.or_(pc.fill_null(inferred, False), unsure)))


def _blocks(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of photos with about BLOCK faces each."""
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + BLOCK, side="right"))
        last = max(last, first + 1)
        yield first, last
        first = last


def _captioned(
    faces: pa.Table, doubtful: NDArray[np.bool_], bounds: list[tuple[int, int]]
) -> pa.Table:
    """The captions of some photos; ``bounds`` are the rows of each."""
    boxes = np.column_stack([one_array(faces[name]).to_numpy() for name in "xywh"])
    boxes = boxes.astype(np.float64)
    photos, ids, names = (faces[name].to_pylist() for name in ("photo", "face_id", "person"))
    made: list[tuple[str, int, str, list[str | None], list[str], list[str]]] = []
    for low, high in bounds:
        here = _in_the_picture(boxes[low:high], names[low:high]) + low
        if len(here) > CROWD:
            continue
        rows = _from_left(here, boxes)
        for number, row in enumerate(rows, 1):
            said = [names[at] for at in row]
            unsure = [name for at in row if doubtful[at] and (name := names[at]) is not None]
            text = caption_text(lead_of(number, len(rows), len(row)), said, unsure)
            made.append((photos[low], number, text, said, unsure, [ids[at] for at in row]))
    columns = zip(*made, strict=True) if made else ([] for _ in results.CAPTIONS)
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, results.CAPTIONS, strict=True)]
    return pa.table(arrays, schema=results.CAPTIONS)


def _in_the_picture(boxes: Boxes, names: list[str | None]) -> NDArray[np.int64]:
    """Indices of the faces that a caption is about: not those far behind, unless they are named."""
    near = boxes[:, 3] >= BYSTANDER * boxes[:, 3].max()
    named = np.array([name is not None for name in names], bool)
    return np.flatnonzero(near | named)


def _from_left(here: NDArray[np.int64], boxes: Boxes) -> list[list[int]]:
    """The faces of each row from left to right, the back row first."""
    row = people_rows(boxes[here])
    middle = boxes[here, 0] + boxes[here, 2] / 2
    order = np.lexsort((middle, row))
    cuts = np.flatnonzero(np.diff(row[order])) + 1
    return [list(map(int, part)) for part in np.split(here[order], cuts)]
