"""The columns of the tables that answer: captions, people by folder and date, who is with whom."""

from __future__ import annotations

import pyarrow as pa

from headcount.contract.column import Column, Columns

_TEXT, _INT = pa.string(), pa.int32()
_NAMES = pa.list_(_TEXT)

CAPTIONS = Columns(
    "captions",
    "one row per row of people in each photo with somebody named, the back row first",
    (
        Column("photo", _TEXT, "key of the photo", shown=True, since=5),
        Column("photo_row", _INT, "row of people, 1 at the back", shown=True, since=5),
        Column(
            "text",
            _TEXT,
            "the row in words: names from left to right, doubtful ones in brackets",
            shown=True,
            since=5,
        ),
        Column(
            "names",
            _NAMES,
            "names from left to right; null in the list: not named",
            shown=True,
            since=5,
        ),
        Column(
            "doubtful",
            _NAMES,
            "the names that are in brackets",
            shown=True,
            since=5,
        ),
        Column("face_ids", _NAMES, "the faces, from left to right", shown=True, since=5),
    ),
    key=("photo", "text"),
)

_WHO = (
    Column("person_id", _TEXT, "id of the person", shown=True, names="id", since=5),
    Column("person", _TEXT, "name of the person", shown=True, names="name", since=5),
)
_HOW_OFTEN = (
    Column("photos", _INT, "photos there with the person", shown=True, since=5),
    Column("faces", _INT, "faces there with the name", shown=True, since=5),
)

PEOPLE_BY_FOLDER = Columns(
    "people_by_folder",
    "one row per folder and person in it",
    (
        Column("folder", _TEXT, "part of `photo` to the last /; may be empty", shown=True, since=5),
        *_WHO,
        *_HOW_OFTEN,
    ),
    key=("folder", "person_id"),
)

PEOPLE_BY_DATE = Columns(
    "people_by_date",
    "one row per date on which photos were taken and person in them",
    (
        Column("date", _TEXT, "year-month-day; null: not known", null=True, shown=True, since=5),
        *_WHO,
        *_HOW_OFTEN,
    ),
    key=("date", "person_id"),
)

TOGETHER = Columns(
    "together",
    "one row per pair of people who are in a photo together, the most frequent first",
    (
        *_WHO,
        Column("other_id", _TEXT, "id of the other person", shown=True, names="id", since=5),
        Column("other", _TEXT, "name of the other person", shown=True, names="name", since=5),
        Column("photos", _INT, "photos with both", shown=True, since=5),
    ),
    key=("person_id", "other_id"),
)
