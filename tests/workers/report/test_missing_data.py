import json
from dataclasses import replace
from typing import Any

import pyarrow as pa

from headcount.rosters.statuses import EXPECTED, Status
from tests.workers.report.views import MISSING, unmet
from workers.report import missing_data
from workers.report.missing_data import embedded_rows, plain_rows
from workers.report.view import ShownMissing


def told(missing: ShownMissing) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        embedded_rows(missing, {"trip/day 1.jpg": "#photo-7"}, {"Ada": 3})
    )
    return data


def readable(data: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows with the texts that their numbers stand for."""

    def text(texts: list[Any], at: int) -> Any:
        return None if at < 0 else texts[at]

    rows = data["rows"]
    names = ("person", "scope", "photo", "status", "reason", "crop")
    lists = ("people", "scopes", "photos", "statuses", "reasons", "crops")
    return [
        tuple(text(data[name], at) for name, at in zip(lists, row, strict=True))
        for row in zip(*(rows[name] for name in names), strict=True)
    ]


def test_every_row_is_there_by_name_and_in_the_order_of_statuses() -> None:
    photo, absent = "trip/day 1.jpg", ["absent", "Absent"]
    assert readable(told(MISSING)) == [
        ("Ada Lovelace", ["in some photo of", "trip/"], None, absent, "why absent", None),
        (
            *("Ada Lovelace", ["", "lost/"], None),
            *(["photo_absent", "Photo not in the collection"], "why photo_absent", None),
        ),
        ("Grace Hopper", None, photo, ["near_miss", "Near miss"], "0.02 below", "bmVhcmVzdA=="),
        ("Mary Anning", None, photo, absent, "why absent", None),
        ("No One", None, photo, ["not_enrolled", "Not enrolled"], "why not_enrolled", None),
    ]


def test_names_are_sorted_as_people_sort_them_and_the_likeliest_rows_come_first() -> None:
    rows = [
        unmet("bob", "absent", photo="1.jpg", similarity=0.1),
        unmet("Zoe", "absent", photo="2.jpg"),
        unmet("bob", "absent", photo="3.jpg", similarity=0.2),
        unmet("Ada", "absent", photo="4.jpg"),
        unmet("Émile", "absent", photo="7.jpg"),
        unmet("bob", "near_miss", photo="5.jpg", similarity=0.3),
        unmet("bob", "too_poor_to_say", photo="6.jpg"),
    ]
    missing = replace(MISSING, rows=pa.Table.from_pylist(rows, EXPECTED))
    order = [(person, photo[0]) for person, _, photo, *_ in readable(told(missing))]
    assert order == [
        *(
            ("Ada", "4"),
            ("bob", "5"),
            ("bob", "6"),
            ("bob", "3"),
            ("bob", "1"),
            ("Émile", "7"),
            ("Zoe", "2"),
        ),
    ]
    plain = [(person, row.place[0]) for person, rows in plain_rows(missing) for row in rows]
    assert plain == order


def test_photos_are_sorted_and_lead_to_where_they_are_shown() -> None:
    rows = [unmet("Ada", "absent", photo=key) for key in ("z.jpg", "trip/day 1.jpg", "a.jpg")]
    data = told(replace(MISSING, rows=pa.Table.from_pylist(rows, EXPECTED)))
    assert data["photos"] == ["a.jpg", "trip/day 1.jpg", "z.jpg"]
    assert data["cards"] == ["", "#photo-7", ""]
    assert data["portraits"] == [3]


def test_nothing_in_it_can_end_the_script_element() -> None:
    rows = pa.Table.from_pylist([unmet("</script><!--", "absent")], EXPECTED)
    text = embedded_rows(replace(MISSING, rows=rows), {}, {})
    assert "<" not in text
    assert json.loads(text)["people"] == ["</script><!--"]


def test_a_hundred_thousand_rows_take_a_few_megabytes_and_none_is_cut() -> None:
    rows = pa.table(
        {
            "scope": [f"folder {n % 500}/{n % 20_000:06}.jpg" for n in range(100_000)],
            "needed": ["every"] * 100_000,
            "photo": [f"folder {n % 500}/{n % 20_000:06}.jpg" for n in range(100_000)],
            "person_id": [f"p{n % 3_000}" for n in range(100_000)],
            "person": [f"Person {n % 3_000}" for n in range(100_000)],
            "status": [str(Status.ABSENT)] * 100_000,
            "reason": ["no face in the photo is like this person"] * 100_000,
            "face_id": pa.nulls(100_000, pa.string()),
            "similarity": pa.nulls(100_000, pa.float32()),
            "quality": pa.nulls(100_000, pa.float32()),
        },
        EXPECTED,
    )
    missing = ShownMissing(rows, {"absent": 100_000})
    text = embedded_rows(missing, {}, {})
    assert len(json.loads(text)["rows"]["person"]) == 100_000
    assert len(text) < 4_000_000
    assert plain_rows(missing) == []
    assert missing_data.PLAIN_ROWS < 100_000
