import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract import results
from headcount.contract.columns import RESULTS
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.marks import MARKS
from headcount.contract.record import now
from headcount.contract.stored.jobs import JobSpec, Limits
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError, TransientError
from headcount.export import write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.storage.local.store import DirectoryStore
from headcount.storage.memory import MemoryStore
from orchestrator.people.forget.results import (
    NOTICE,
    OutOfReach,
    remove_from_results,
    replace_report,
)

STONE = ForgottenRecord(
    person_id="p1", at=now(), state="removing", person="Ada", faces=("f1",), photos=(("c", "a"),)
)

PEOPLE_BEFORE = RESULTS["people"].shown(version=1)


def job(out: Path, **more: Any) -> JobSpec:
    uri = canonical_uri(str(out))
    spec: dict[str, Any] = {
        "job_id": "j1",
        "created": now(),
        "photos": "file:///photos/",
        "out": uri,
        "archive": uri + "archive/",
        "model": "sface",
        "limits": Limits(max_bytes=1, max_pixels=1, shard_photos=1, shard_bytes=1),
    }
    return JobSpec(**(spec | more))


def put_tables(out: Path, folder: Path, *, found: bool = True) -> Store:
    """Results in every format: Ada is enrolled, and unless told otherwise found in photo ``a``."""
    store = open_store(canonical_uri(str(out)), S3Settings())
    face = {"face_id": "f1", "photo": "a", "decision": "matched", "person_id": "p1"}
    rows: dict[str, tuple[pa.Schema, list[dict[str, Any]]]] = {
        "photos": (results.PHOTOS, [{"photo": "a", "outcome": "faces", "faces": 1}]),
        "faces": (results.FACES, [{**face, "person": "Ada"}] if found else []),
        "people": (results.PEOPLE, [{"person_id": "p1", "person": "Ada", "reference_count": 1}]),
    }
    for name, (schema, some) in rows.items():
        table = pa.Table.from_pylist(some, schema=schema)
        every = ("parquet", "csv", "jsonl")
        write_table(store, name, schema, [table], formats=every, folder=folder)
    return store


def test_tables_that_an_earlier_run_wrote_in_other_formats_lose_the_name_too(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    names = ("faces.csv", "faces.jsonl", "people.csv", "people.jsonl")
    assert [name for name in names if b"Ada" in out.get(name).data] == []


def test_a_report_is_withdrawn_however_a_quote_in_the_name_was_escaped() -> None:
    stone = ForgottenRecord(person_id="p1", at=now(), state="removing", person="Ada O'Hara")
    for name in ("Ada O'Hara", "Ada O&#39;Hara", "Ada O&#x27;Hara"):
        out = MemoryStore()
        out.put(results.REPORT, f"<p>{name}</p>".encode())
        assert replace_report(out, stone, shows=False)
        assert out.get(results.REPORT).data.decode() == NOTICE


def test_all_pages_of_a_report_go_where_one_shows_the_person() -> None:
    stone = ForgottenRecord(person_id="p1", at=now(), state="removing", person="Ada")
    for page in (results.REPORT, results.REPORT_PAGE.format(number=3)):
        out = MemoryStore()
        for key in (results.REPORT, *(results.REPORT_PAGE.format(number=n) for n in (2, 3))):
            out.put(key, b"<p>Ada</p>" if key == page else b"<p>Ben</p>")
        out.put("report/mine.html", b"Ada")
        assert replace_report(out, stone, shows=False)
        assert [info.key for info in out.list()] == [results.REPORT, "report/mine.html"]
        assert out.get(results.REPORT).data.decode() == NOTICE
        assert not replace_report(out, stone, shows=True), "it is withdrawn already"


def test_annotated_copies_of_photos_that_are_gone_go_and_pictures_of_the_users_own_stay(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    mine = "annotated/mine.jpg"
    for key in ("annotated/a.jpg", "annotated/gone.jpg"):
        out.put(key, b"\xff\xd8" + results.ANNOTATED_MARK)
    out.put(mine, b"\xff\xd8")
    assert remove_from_results(job(tmp_path / "out"), STONE, S3Settings())["pictures"] == 2
    assert [info.key for info in out.list("annotated/")] == [mine]


def test_what_a_killed_run_left_half_written_beside_results_goes_and_the_users_own_stays(
    tmp_path: Path,
) -> None:
    put_tables(tmp_path / "out", tmp_path)
    name = ".headcount-0123456789abcdef.tmp"
    for folder in ("", "report/", "annotated/2024/", "mine/"):
        path = tmp_path / "out" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<p>Ada")
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert list((tmp_path / "out").rglob(name)) == [tmp_path / "out/mine" / name]


def test_the_report_of_somebody_who_was_enrolled_and_found_nowhere_is_withdrawn(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path, found=False)
    out.put(results.REPORT, b"<p>a crop, under a name that was spelt in another way</p>")
    assert remove_from_results(job(tmp_path / "out"), STONE, S3Settings())["reports"] == 1
    assert out.get(results.REPORT).data.decode() == NOTICE


def test_tables_that_do_not_have_the_person_are_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    for info in list(out.list()):
        if info.key.endswith((".csv", ".jsonl")):
            out.delete(info.key)
    written: list[str] = []
    monkeypatch.setattr(
        "orchestrator.people.forget.results.write_table",
        lambda _, name, *__, **___: written.append(name),
    )
    other = STONE.model_copy(update={"person_id": "p2", "person": "Ben", "faces": ("f2",)})
    remove_from_results(job(tmp_path / "out"), other, S3Settings())
    assert written == []
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert written == ["people", "photos", "faces"]


def test_a_table_of_the_users_own_that_bears_such_a_name_and_such_columns_stays(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    mine = pa.table({name: ["x"] for name in results.PEOPLE.names})
    out.delete(MARKS)
    pq.write_table(mine, tmp_path / "out" / "people.parquet")
    before = out.get("people.parquet").data
    assert remove_from_results(job(tmp_path / "out"), STONE, S3Settings())["result rows"] == 1
    assert out.get("people.parquet").data == before


def test_a_storage_that_does_not_answer_now_is_not_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: object) -> None:
        raise FatalError("S3 does not answer") from TransientError("slow down")

    monkeypatch.setattr(DirectoryStore, "check", check)
    with pytest.raises(TransientError, match="slow down"):
        remove_from_results(job(tmp_path), STONE, S3Settings())
    monkeypatch.undo()
    with pytest.raises(OutOfReach, match="there is no folder"):
        remove_from_results(job(tmp_path / "gone"), STONE, S3Settings())


def left_in(out: Store, besides: str = "") -> list[str]:
    """The tables in which Ada is: by name, id or face, in whatever format."""
    found = []
    for info in out.list():
        if info.key == besides:
            continue
        data = out.get(info.key).data
        if info.key.endswith(".parquet"):
            data = json.dumps(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
        if re.search(rb"\b(Ada|p1|f1)\b", data) and info.key != MARKS:
            found.append(info.key)
    return found


def put_parquet(out: Store, name: str, table: pa.Table) -> None:
    file = io.BytesIO()
    pq.write_table(table, file)
    out.put(f"{name}.parquet", file.getvalue())


def parquet(out: Store, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(out.get(f"{name}.parquet").data))


def unmarked(out: Store) -> None:
    """As an earlier build left it."""
    out.delete(MARKS)
    for name in ("photos", "faces", "people"):
        put_parquet(out, name, parquet(out, name).replace_schema_metadata())


def test_results_that_an_earlier_build_left_without_a_mark_lose_the_person(tmp_path: Path) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    unmarked(out)
    assert len(left_in(out)) == 6, "this test can fail"
    assert remove_from_results(job(tmp_path / "out"), STONE, S3Settings())["result rows"] == 1
    assert left_in(out) == []


def test_a_table_with_one_column_more_is_ours_and_loses_the_person_there_too(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    faces = pa.concat_tables([parquet(out, "faces")] * 2)
    ids = pa.array(["f1", "f2"])
    faces = faces.set_column(0, "face_id", ids).append_column("looks_like", pa.array(["Ada"] * 2))
    for marked in (True, False):
        put_parquet(out, "faces", faces if marked else faces.replace_schema_metadata())
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
        [row] = parquet(out, "faces").to_pylist()
        assert (row["face_id"], row["person"], row["looks_like"]) == ("f2", None, None)
        assert left_in(out) == []
        unmarked(out)


def test_a_table_with_one_column_fewer_is_ours_and_gets_none_that_it_had_not(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    for name, column in (("faces", "evidence"), ("photos", "etag"), ("people", "reference_count")):
        put_parquet(out, name, parquet(out, name).drop([column]).replace_schema_metadata())
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert left_in(out) == []
    assert "evidence" not in parquet(out, "faces").schema.names
    assert parquet(out, "photos").to_pylist()[0]["outcome"] == "no_face"


def test_results_of_the_first_version_keep_their_column_names_when_they_lose_the_person(
    tmp_path: Path,
) -> None:
    out, schema = put_tables(tmp_path / "out", tmp_path), PEOPLE_BEFORE
    rows = [
        {"person_id": f"p{n}", "person": who, "references": 3}
        for n, who in ((1, "Ada"), (2, "Ben"))
    ]
    first = pa.Table.from_pylist(rows, schema=schema)
    for marked in (True, False):
        formats = ("parquet", "csv", "jsonl")
        write_table(out, "people", schema, [first], formats=formats, folder=tmp_path, contract=1)
        if not marked:
            unmarked(out)
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
        left = parquet(out, "people")
        assert left.schema.names == schema.names
        assert left.to_pylist() == first.to_pylist()[1:]
        assert out.get("people.csv").data.splitlines()[1].startswith(b'"p2","Ben",3')
        assert left_in(out) == []


SPREADSHEET = (
    "\ufeff"
    "face_id;photo;decision;person_id;person;mine\r\n"
    "f1;a;matched;p1;Ada;of row one\r\n"
    'f2;a;matched;p1;Ada;"kept; as it is"\r\n'
    "f3;a;matched;p2;Ben;Ada\r\n"
)
SCRUBBED = (
    "\ufeff"
    "face_id;photo;decision;person_id;person;mine\r\n"
    'f2;a;unknown;;;"kept; as it is"\r\n'
    "f3;a;matched;p2;Ben;\r\n"
)


@pytest.mark.parametrize("marked", [True, False])
def test_a_csv_that_a_spreadsheet_saved_anew_loses_the_person_and_keeps_the_rest(
    tmp_path: Path, marked: bool
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    text = SPREADSHEET
    if not marked:  # then it has all columns of a version, and another separator
        out.delete(MARKS)
        has = SPREADSHEET.split("\r\n", maxsplit=1)[0].lstrip("\ufeff").split(";")
        more = ";".join(n for n in results.FACES.names if n not in has)
        text = text.replace(";mine\r\n", f";mine;{more}\r\n")
    out.put("faces.csv", text.encode())
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    left = out.get("faces.csv").data.decode()
    assert left.split("\r\n")[1:] == SCRUBBED.split("\r\n")[1:]
    assert left_in(out) == []


def test_json_lines_that_were_saved_anew_lose_the_person_and_keep_the_rest(tmp_path: Path) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    rows = [{"person": who, "person_id": p, "tags": [1]} for who, p in (("Ada", "p1"), ("é", "p2"))]
    out.put("people.jsonl", "\n".join(map(json.dumps, rows)).encode())
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert json.loads(out.get("people.jsonl").data) == rows[1]


@pytest.mark.parametrize(
    ("key", "data", "words"),
    [
        ("faces.csv", SPREADSHEET.replace("of row one", "x").replace(";Ada\r", ";Ada!\r"), "mine"),
        ("faces.csv", SPREADSHEET.replace("face_id", "id"), "no column face_id"),
        ("faces.csv", SPREADSHEET.encode("utf-16"), "cannot be read"),
        ("people.jsonl", "[]\n", "not every line is a row"),
        ("people.parquet", b"PAR1", "is damaged"),
    ],
    ids=["a note", "no face_id", "utf-16", "no rows", "damaged"],
)
def test_a_table_of_ours_that_cannot_be_cleared_is_said_to_be_out_of_reach_and_the_rest_is(
    tmp_path: Path, key: str, data: str | bytes, words: str
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    out.put(key, data.encode() if isinstance(data, str) else data)
    with pytest.raises(OutOfReach, match=f"{key}.*{words}") as said:
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert said.value.removed["result rows"] == 1
    assert not said.value.gone
    assert left_in(out, besides=key) == []


def test_where_the_table_of_faces_cannot_be_read_all_pictures_go(tmp_path: Path) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    put_parquet(out, "faces", parquet(out, "faces").drop(["face_id"]))
    for key in ("annotated/a.jpg", "annotated/b.jpg"):
        out.put(key, b"\xff\xd8" + results.ANNOTATED_MARK)
    out.put(results.REPORT, b"<p>somebody")
    with pytest.raises(OutOfReach, match="no column face_id") as said:
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert (said.value.removed["pictures"], said.value.removed["reports"]) == (2, 1)
    assert left_in(out) == ["faces.parquet"]


def test_csv_files_alone_lose_the_person_where_somebody_removed_the_parquet_tables(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    for name in ("photos", "faces", "people"):
        out.delete(f"{name}.parquet")
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert left_in(out) == []
    assert [info.key for info in out.list() if info.key.endswith(".parquet")] == []


def test_in_a_place_where_no_run_wrote_nothing_is_touched(tmp_path: Path) -> None:
    out = open_store(canonical_uri(str(tmp_path / "out")), S3Settings())
    mine = {"faces.csv": b"photo,person\na,Ada\n", "people.parquet": b"", results.REPORT: b"Ada"}
    for key, data in mine.items():
        if data:
            out.put(key, data)
    assert remove_from_results(job(tmp_path / "out"), STONE, S3Settings()) == {}
    assert {i.key: out.get(i.key).data for i in out.list()} == {k: v for k, v in mine.items() if v}


def test_columns_of_the_users_own_are_of_any_type_also_where_the_table_lies_as_text(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    faces = parquet(out, "faces")
    seen = pa.array([datetime(2026, 11, 28)] * len(faces))
    faces = faces.append_column("seen", seen)
    put_parquet(out, "faces", faces.append_column("size", pa.array([{"w": 3}] * len(faces))))
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert left_in(out) == []
    assert {"seen", "size"} <= set(parquet(out, "faces").column_names)


def test_why_a_table_is_out_of_reach_says_no_cell_of_it(tmp_path: Path) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    people = parquet(out, "people")
    place = people.schema.get_field_index("photos")
    put_parquet(out, "people", people.set_column(place, "photos", pa.array(["Ada"] * len(people))))
    with pytest.raises(OutOfReach) as caught:
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert "people.parquet" in str(caught.value)
    assert "Ada" not in str(caught.value)


def test_expectations_lose_the_person_in_every_format_and_so_does_a_file_saved_anew(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    names = ("scope", "needed", "photo", "person_id", "person", "status", "reason", "face_id")
    rows = [
        ("a", "every", "a", "p1", "Ada", "present", "", "f1"),
        ("a", "every", "a", "p2", "Ben", "near_miss", "", "f1"),
        ("a", "every", "a", None, "Adda", "not_enrolled", "nobody; is it Ada?", None),
    ]
    table = pa.Table.from_pylist([dict(zip(names, r, strict=True)) for r in rows], results.EXPECTED)
    every = ("parquet", "csv", "jsonl")
    write_table(out, "expected", results.EXPECTED, [table], formats=every, folder=tmp_path)
    saved = out.get("expected.csv").data.decode().replace(",", "\t").replace('"', "")
    out.put("expected.csv", saved.encode())
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    for key in ("expected.csv", "expected.jsonl"):
        text = out.get(key).data.decode()
        assert "Ben" in text
        assert "Adda" in text
        assert not re.search(r"\bAda\b|p1|f1", text), text
    assert parquet(out, "expected")["person"].to_pylist() == ["Ben", "Adda"]


def test_pictures_go_of_every_photo_in_which_a_roster_expected_the_person(tmp_path: Path) -> None:
    out = put_tables(tmp_path / "out", tmp_path, found=False)
    photos = pa.Table.from_pylist(
        [{"photo": key, "outcome": "faces"} for key in ("2024/1.jpg", "2024/2.jpg", "2025/1.jpg")],
        results.PHOTOS,
    )
    write_table(out, "photos", results.PHOTOS, [photos], formats=("parquet",), folder=tmp_path)
    for key in photos["photo"].to_pylist():
        out.put(results.annotated_key(key), b"\xff\xd8" + results.ANNOTATED_MARK)
    roster = tmp_path / "roster.csv"
    roster.write_text("scope,person\n2024/,Ada\n")
    stone = STONE.model_copy(update={"person_id": person_id("Ada")})
    remove_from_results(job(tmp_path / "out"), stone, S3Settings(), expected=[str(roster)])
    left = [info.key for info in out.list("annotated/")]
    assert left == [results.annotated_key("2025/1.jpg")]


def test_a_report_is_withdrawn_whose_list_of_the_missing_alone_has_the_name() -> None:
    for name in ('Ada "Countess" Lovelace', "Bob <x>", "Back\\slash"):
        stone = ForgottenRecord(person_id="p1", at=now(), state="removing", person=name)
        out = MemoryStore()
        data = json.dumps([name], ensure_ascii=False).replace("<", "\\u003c")
        out.put(results.REPORT, f'<script type="application/json">{data}</script>'.encode())
        assert replace_report(out, stone, shows=False)


def test_the_summary_no_longer_tells_whom_the_person_looks_like(tmp_path: Path) -> None:
    store = put_tables(tmp_path / "out", tmp_path)
    others = {"person_ids": ["p2", "p3"], "names": ["Bob", "Cy"], "similarity": 0.6}
    mine = {"person_ids": ["p2", "p1"], "names": ["Bob", "Ada"], "similarity": 0.6}
    store.put(results.SUMMARY, json.dumps({"photos": 1, "look_alikes": [mine, others]}).encode())
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    left = json.loads(store.get(results.SUMMARY).data)
    assert left == {"photos": 1, "look_alikes": [others]}
