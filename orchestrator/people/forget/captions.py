"""A forgotten person taken out of captions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import results
from headcount.contract.captions import caption_text, lead_of
from headcount.contract.forgotten import ForgottenRecord

Row = dict[str, Any]


def without_captions(captions: pa.Table, faces: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """The captions, with those of photos that name the person, or show them, made anew.

    ``faces`` are those before the forget. The person's faces are left out; others with the name are
    nobody's. A photo in which nobody is named then has no caption. Columns of a user's own go in
    the rows that are made anew.
    """
    gone = set(stone.faces)
    named = faces.filter(pc.fill_null(pc.equal(faces["person_id"], stone.person_id), False))
    nameless = set(named["face_id"].to_pylist())
    told = [_tells(ids, names, gone | nameless, stone) for ids, names in _lists(captions)]
    concerned = pc.unique(captions["photo"].filter(pa.array(told, pa.bool_())))
    at = pc.is_in(captions["photo"], value_set=concerned)
    rows = captions.filter(at).select(results.CAPTIONS.names).to_pylist()
    made = pa.Table.from_pylist(list(_anew(rows, gone, nameless, stone)), results.CAPTIONS)
    kept = captions.filter(pc.invert(at))
    table = pa.concat_tables([kept, made], promote_options="default")
    return table.sort_by([("photo", "ascending"), ("photo_row", "ascending")])


def _lists(captions: pa.Table) -> Iterator[tuple[list[str], list[str | None]]]:
    for batch in captions.select(["face_ids", "names"]).to_batches():
        columns = batch.to_pydict()
        for ids, names in zip(columns["face_ids"], columns["names"], strict=True):
            yield ids or [], names or []


def _tells(
    ids: Iterable[str], names: Iterable[str | None], faces: set[str], stone: ForgottenRecord
) -> bool:
    return not faces.isdisjoint(ids) or (stone.person is not None and stone.person in names)


def _anew(
    rows: Iterable[Row], gone: set[str], nameless: set[str], stone: ForgottenRecord
) -> Iterator[Row]:
    """The captions of some photos without the person."""
    by_photo: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        left = [
            (face, None if face in nameless or name == stone.person else name)
            for face, name in zip(row["face_ids"] or [], row["names"] or [], strict=True)
            if face not in gone
        ]
        if left:
            ids, names = map(list, zip(*left, strict=True))
            doubtful = [name for name in row["doubtful"] or [] if name in names]
            by_photo[row["photo"]].append(
                row | {"face_ids": ids, "names": names, "doubtful": doubtful}
            )
    for left_rows in by_photo.values():
        if any(name is not None for row in left_rows for name in row["names"]):
            yield from _reworded(left_rows)


def _reworded(rows: list[Row]) -> Iterator[Row]:
    """The rows of a photo, numbered and worded for what is left in them."""
    rows = sorted(rows, key=lambda row: int(row["photo_row"]))
    for number, row in enumerate(rows, 1):
        lead = lead_of(number, len(rows), len(row["names"]))
        text = caption_text(lead, row["names"], row["doubtful"])
        yield row | {"photo_row": number, "text": text}
