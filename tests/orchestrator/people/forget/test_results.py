from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.record import now
from headcount.contract.stored.jobs import JobSpec, Limits
from headcount.errors import FatalError, TransientError
from headcount.export import write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.storage.local import DirectoryStore
from headcount.storage.memory import MemoryStore
from orchestrator.people.forget.results import (
    NOTICE,
    OutOfReach,
    _counted,
    _withdraw_report,
    withdraw,
)

STONE = ForgottenRecord(
    person_id="p1", at=now(), state="removing", person="Ada", faces=("f1",), photos=(("c", "a"),)
)


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
        "people": (results.PEOPLE, [{"person_id": "p1", "person": "Ada", "references": 1}]),
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
    withdraw(job(tmp_path / "out"), STONE, S3Settings())
    names = ("faces.csv", "faces.jsonl", "people.csv", "people.jsonl")
    assert [name for name in names if b"Ada" in out.get(name).data] == []


def test_a_report_is_withdrawn_however_a_quote_in_the_name_was_escaped() -> None:
    stone = ForgottenRecord(person_id="p1", at=now(), state="removing", person="Ada O'Hara")
    for name in ("Ada O'Hara", "Ada O&#39;Hara", "Ada O&#x27;Hara"):
        out = MemoryStore()
        out.put(results.REPORT, f"<p>{name}</p>".encode())
        assert _withdraw_report(out, stone, shows=False)
        assert out.get(results.REPORT).data.decode() == NOTICE


def test_annotated_copies_of_photos_that_are_gone_go_and_pictures_of_the_users_own_stay(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    mine = "annotated/mine.jpg"
    for key in ("annotated/a.jpg", "annotated/gone.jpg"):
        out.put(key, b"\xff\xd8" + results.ANNOTATED_MARK)
    out.put(mine, b"\xff\xd8")
    assert withdraw(job(tmp_path / "out"), STONE, S3Settings())["pictures"] == 2
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
    withdraw(job(tmp_path / "out"), STONE, S3Settings())
    assert list((tmp_path / "out").rglob(name)) == [tmp_path / "out/mine" / name]


def test_the_report_of_somebody_who_was_enrolled_and_found_nowhere_is_withdrawn(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path, found=False)
    out.put(results.REPORT, b"<p>a crop, under a name that was spelt in another way</p>")
    assert withdraw(job(tmp_path / "out"), STONE, S3Settings())["reports"] == 1
    assert out.get(results.REPORT).data.decode() == NOTICE


def test_tables_that_do_not_have_the_person_are_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    for info in list(out.list()):
        if not info.key.endswith(".parquet"):
            out.delete(info.key)
    written: list[str] = []
    monkeypatch.setattr(
        "orchestrator.people.forget.results.write_table",
        lambda _, name, *__, **___: written.append(name),
    )
    other = STONE.model_copy(update={"person_id": "p2", "person": "Ben", "faces": ("f2",)})
    withdraw(job(tmp_path / "out"), other, S3Settings())
    assert written == []
    withdraw(job(tmp_path / "out"), STONE, S3Settings())
    assert written == ["people", "photos", "faces"]


def test_a_table_of_the_users_own_that_bears_such_a_name_and_such_columns_stays(
    tmp_path: Path,
) -> None:
    out = put_tables(tmp_path / "out", tmp_path)
    mine = pa.table({name: ["x"] for name in results.PEOPLE.names})
    write_table(out, "people", mine.schema, [mine], formats=["parquet"], folder=tmp_path)
    before = out.get("people.parquet").data
    assert withdraw(job(tmp_path / "out"), STONE, S3Settings())["result rows"] == 1
    assert out.get("people.parquet").data == before


def test_only_photos_that_lost_a_face_are_counted_again() -> None:
    rows = [
        {"photo": "a", "outcome": "faces", "faces": 2},
        {"photo": "b", "outcome": "faces", "faces": 1},
        {"photo": "c", "outcome": "unreadable", "faces": 0},
        {"photo": "d", "outcome": "faces", "faces": 1},
    ]
    before, left = (pa.table({"photo": list(of)}) for of in ("aabd", "ad"))
    counted = _counted(pa.Table.from_pylist(rows, schema=results.PHOTOS), before, left)
    assert counted.schema == results.PHOTOS
    assert [(row["photo"], row["outcome"], row["faces"]) for row in counted.to_pylist()] == [
        ("a", "faces", 1),
        ("b", "no_face", 0),
        ("c", "unreadable", 0),
        ("d", "faces", 1),
    ]


def test_a_storage_that_does_not_answer_now_is_not_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: object) -> None:
        raise FatalError("S3 does not answer") from TransientError("slow down")

    monkeypatch.setattr(DirectoryStore, "check", check)
    with pytest.raises(TransientError, match="slow down"):
        withdraw(job(tmp_path), STONE, S3Settings())
    monkeypatch.undo()
    with pytest.raises(OutOfReach, match="there is no folder"):
        withdraw(job(tmp_path / "gone"), STONE, S3Settings())
