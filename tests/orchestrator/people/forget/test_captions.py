"""A forgotten person taken out of captions, and out of tables of who was where and with whom."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract import results
from headcount.contract.columns import RESULTS
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.record import now
from headcount.export import write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from orchestrator.people.forget.results import OutOfReach, remove_from_results
from tests.orchestrator.people.forget.test_results import job

STONE = ForgottenRecord(
    person_id="p1", at=now(), state="removing", person="Ada", faces=("f1", "f9"), photos=()
)


def caption(photo: str, row: int, text: str, names: list[str | None], *ids: str) -> dict[str, Any]:
    doubtful = [name for name in names if f"[{name}]" in text]
    told = {"photo": photo, "photo_row": row, "text": text, "names": names}
    return told | {"doubtful": doubtful, "face_ids": list(ids)}


CAPTIONS = [
    caption("a", 1, "Back row: [Ada]", ["Ada"], "f1"),
    caption("a", 2, "Front row, from left: Bo, [Cy], Ada", ["Bo", "Cy", "Ada"], "f2", "f3", "f4"),
    caption("b", 1, "From left: Ada, unknown", ["Ada", None], "f9", "f5"),
    caption("c", 1, "Adam", ["Adam"], "f6"),
]
WHO = {"person_id": "p1", "person": "Ada", "photos": 1, "faces": 1}
OTHER = {"person_id": "p2", "person": "Bo", "photos": 1, "faces": 1}
ROWS: dict[str, list[dict[str, Any]]] = {
    "faces": [
        {"face_id": f"f{n}", "photo": photo, "decision": "matched", "person_id": person}
        for n, photo, person in ((1, "a", "p1"), (4, "a", "p1"), (9, "b", "p1"), (6, "c", "p3"))
    ],
    "captions": CAPTIONS,
    "people_by_folder": [{"folder": "", **WHO}, {"folder": "", **OTHER}],
    "people_by_date": [{"date": None, **WHO}, {"date": "2020-01-01", **OTHER}],
    "together": [
        {"person_id": one, "person": name, "other_id": two, "other": other, "photos": 1}
        for one, name, two, other in (
            ("p1", "Ada", "p2", "Bo"), ("p0", "Cy", "p1", "Ada"), ("p0", "Cy", "p2", "Bo"),
        )
    ],
}  # fmt: skip
FORMATS = ("parquet", "csv", "jsonl", "xlsx")


def put(out: Path, folder: Path) -> Store:
    store = open_store(canonical_uri(str(out)), S3Settings())
    for name, rows in ROWS.items():
        table = pa.Table.from_pylist(rows, RESULTS[name].shown())
        write_table(store, name, table.schema, [table], formats=FORMATS, folder=folder)
    return store


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
    return found


def test_captions_are_worded_anew_without_the_person(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out, tmp_path)
    remove_from_results(job(out), STONE, S3Settings())
    assert rows(out, "captions") == [
        caption("a", 1, "From left: Bo, [Cy], unknown", ["Bo", "Cy", None], "f2", "f3", "f4"),
        caption("c", 1, "Adam", ["Adam"], "f6"),
    ]


def test_rows_and_pairs_of_the_person_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out, tmp_path)
    remove_from_results(job(out), STONE, S3Settings())
    assert [r["person"] for r in rows(out, "people_by_folder")] == ["Bo"]
    assert [r["date"] for r in rows(out, "people_by_date")] == ["2020-01-01"]
    assert [(r["person"], r["other"]) for r in rows(out, "together")] == [("Cy", "Bo")]


@pytest.mark.parametrize("name", [name for name in ROWS if name != "faces"])
def test_every_format_loses_name_and_faces(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    store = put(out, tmp_path)
    assert b'"Ada"' in store.get(f"{name}.jsonl").data
    remove_from_results(job(out), STONE, S3Settings())
    for kind in FORMATS[1:]:
        data = store.get(f"{name}.{kind}").data.replace(b"Adam", b"")
        assert not [word for word in (b"Ada", b"f9", b"p1") if word in data], kind


def test_captions_that_were_saved_anew_lose_the_rows_with_the_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    store = put(out, tmp_path)
    store.put("captions.csv", b"text;photo;mine\nFrom left: Ada, Bo;a;x\n[Ada];b;y\nAdam;c;z\n")
    store.put(
        "together.csv",
        b"person_id;person;other_id;other;photos;mine\np0;Cy;p1;Ada;1;x\np0;Cy;p2;Bo;1;y\n",
    )
    remove_from_results(job(out), STONE, S3Settings())
    assert store.get("captions.csv").data == b"text;photo;mine\nAdam;c;z\n"
    assert store.get("together.csv").data.decode().splitlines()[1:] == ["p0;Cy;p2;Bo;1;y"]


def test_a_column_of_a_users_own_that_is_called_as_one_of_captions_is_searched(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    store = put(out, tmp_path)
    faces = pq.read_table(out / "faces.parquet")
    for name, words in (("text", ["Ada", "x", "y", "z"]), ("names", ["u", "v", "w", "of Ada"])):
        faces = faces.append_column(name, pa.array(words))
    store.put("faces.parquet", _bytes(faces))
    with pytest.raises(OutOfReach, match="still names the person in names"):
        remove_from_results(job(out), STONE, S3Settings())
    assert "Ada" not in json.dumps([r["text"] for r in rows(out, "faces")])


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def test_the_tables_have_the_columns_of_the_contract() -> None:
    assert RESULTS["captions"].shown() == results.CAPTIONS
    assert RESULTS["together"].shown() == results.TOGETHER
