"""``headcount export`` of results of another build or saved anew by somebody, and of embeddings."""

import csv
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import headcount
from headcount import audit
from headcount.collections.photos import collection_id
from headcount.contract import results
from headcount.contract.columns import RESULTS, VERSION
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.marks import MARKS, read_marks
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, Limits
from headcount.export import write_table
from headcount.rosters.workbook import read_values
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.tables.table import Table
from orchestrator.commands.export import command
from tests.headcount.archive.archives import DAYS, DIMENSIONS, FIRST, OTHER_PACK, PACK, make_archive

JOB = "20260101-000000-aaaaaa"
PEOPLE = pa.Table.from_pylist([{"person_id": "p1", "person": "Ada"}], results.PEOPLE)


@pytest.fixture
def out(tmp_path: Path) -> Store:
    """The results of a job that is done."""
    out, store = (
        open_store(canonical_uri(str(tmp_path / name)), S3Settings()) for name in ("out", "archive")
    )
    model = ModelChoice(name="sface", pack_id="p1")
    spec = JobSpec(
        job_id=JOB,
        created=now(),
        photos="file:///photos/",
        out=out.uri,
        archive=store.uri,
        model="sface",
        limits=Limits(max_bytes=1, max_pixels=1, shard_photos=1, shard_bytes=1),
    )
    finished = FinishedRecord(job_id=JOB, state="done", finished=now(), out=out.uri, photos=1)
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    store.put(JobKeys(JOB).spec, spec.to_bytes())
    store.put(JobKeys(JOB).finished, finished.to_bytes())
    out.put(results.SUMMARY, json.dumps({"job_id": JOB}).encode())
    return out


def put_people(
    out: Store, table: pa.Table, folder: Path, *, marked: bool, contract: int = VERSION + 1
) -> None:
    if marked:
        more = {"formats": ["parquet"], "folder": folder, "contract": contract}
        write_table(out, "people", table.schema, [table], **more)
    else:
        pq.write_table(table, folder / "people")
        out.put_file("people.parquet", folder / "people")


def exported(folder: Path, *more: str, **settings: str) -> Result:
    where = ("--archive", str(folder / "archive"), "--to", str(folder / "to"))
    given = [*where, "--table", "people", *more]
    return CliRunner().invoke(command, given, standalone_mode=False, env=settings)


@pytest.mark.parametrize("marked", [True, False])
def test_a_table_with_a_column_more_is_exported_with_it(
    out: Store, tmp_path: Path, marked: bool
) -> None:
    wide = PEOPLE.add_column(0, "nickname", pa.array(["Ada!"]))
    put_people(out, wide, tmp_path, marked=marked)
    assert exported(tmp_path).exception is None
    [row] = csv.DictReader((tmp_path / "to/people.csv").open(encoding="utf-8-sig"))
    assert list(row) == [*results.PEOPLE.names, "nickname"]
    assert (row["person"], row["nickname"]) == ("Ada", "Ada!")
    mark = read_marks(open_store(canonical_uri(str(tmp_path / "to")), S3Settings()))["people.csv"]
    assert mark.contract == (VERSION + 1 if marked else VERSION)


def test_a_table_with_a_column_fewer_is_exported_without_it(out: Store, tmp_path: Path) -> None:
    put_people(out, PEOPLE.drop(["reference_count"]), tmp_path, marked=True)
    assert exported(tmp_path).exception is None
    [row] = csv.DictReader((tmp_path / "to/people.csv").open(encoding="utf-8-sig"))
    assert list(row) == ["person_id", "person", "photos", "faces"]


@pytest.mark.parametrize("marked", [True, False])
def test_a_table_of_the_first_version_is_exported_with_the_names_and_the_order_that_it_has(
    out: Store, tmp_path: Path, marked: bool
) -> None:
    first = pa.Table.from_pylist([{"references": 3}], RESULTS["people"].shown(version=1))
    put_people(out, first, tmp_path, marked=marked, contract=1)
    assert exported(tmp_path).exception is None
    [row] = csv.DictReader((tmp_path / "to/people.csv").open(encoding="utf-8-sig"))
    assert list(row) == first.schema.names
    assert row["references"] == "3"


def test_tables_for_people_are_exported_as_the_settings_say(out: Store, tmp_path: Path) -> None:
    put_people(out, PEOPLE, tmp_path, marked=True)
    formats = ("--format", "xlsx", "--format", "csv")
    settings = {"HEADCOUNT_CSV_SEPARATOR": "tab", "HEADCOUNT_CSV_BOM": "off"}
    assert exported(tmp_path, *formats, **settings).exception is None
    assert (tmp_path / "to/people.csv").read_bytes().startswith(b'"person_id"\t"person"\t')
    book = read_values((tmp_path / "to/people.xlsx").read_bytes(), "people.xlsx")
    assert book.sheets["people"][1][:2] == ["p1", "Ada"]


@pytest.mark.parametrize(
    ("table", "marked", "words"),
    [
        (PEOPLE.select(["person"]), False, "no run of headcount wrote it"),
        (
            PEOPLE.set_column(2, "reference_count", pa.array(["x"])),
            True,
            "cannot be read as a table",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_said_to_be_out_of_reach(
    out: Store, tmp_path: Path, table: pa.Table, marked: bool, words: str
) -> None:
    put_people(out, table, tmp_path, marked=marked)
    told = str(exported(tmp_path).exception)
    assert "people.parquet is out of reach" in told
    assert words in told
    assert not (tmp_path / "to" / MARKS).exists()


def test_a_job_of_an_earlier_build_is_exported_without_the_tables_it_did_not_have(
    out: Store, tmp_path: Path
) -> None:
    for name in ("photos", "faces", "people", "clusters", "lineage"):
        schema = RESULTS[name].shown()
        write_table(out, name, schema, [schema.empty_table()], formats=["parquet"], folder=tmp_path)
    to = tmp_path / "to"
    told = CliRunner().invoke(
        command, ["--archive", str(tmp_path / "archive"), "--to", str(to)], standalone_mode=False
    )
    assert (told.return_value, told.exception) == (0, None)
    assert "lineage.csv" in {path.name for path in to.iterdir()}
    assert "expected.csv" not in {path.name for path in to.iterdir()}
    out.delete("lineage.parquet")
    told = CliRunner().invoke(
        command, ["--archive", str(tmp_path / "archive"), "--to", str(to)], standalone_mode=False
    )
    assert told.exception is not None


def embeddings(folder: Path, *more: str) -> Result:
    """The command over an archive in a folder; without its answer in case of an error."""
    where = ("--archive", str(folder / "archive"), "--to", str(folder / "to"), "--embeddings")
    return CliRunner().invoke(command, [*where, *more], standalone_mode=False)


@pytest.fixture
def exported_embeddings(tmp_path: Path) -> Path:
    make_archive(tmp_path / "archive")
    done = embeddings(tmp_path)
    assert (done.return_value, done.exception) == (0, None)
    assert done.output.strip() == f"{tmp_path / 'to'}/embeddings.parquet: 4 rows"
    return tmp_path / "to" / "embeddings.parquet"


def test_embeddings_are_exported_with_their_ids_and_decisions(
    exported_embeddings: Path, tmp_path: Path
) -> None:
    table = pq.read_table(exported_embeddings)
    assert table.equals(headcount.open(tmp_path / "archive").embeddings())
    columns = pq.ParquetFile(exported_embeddings).metadata.row_group(0)
    assert {columns.column(n).compression for n in range(columns.num_columns)} == {"SNAPPY"}
    mark = read_marks(open_store(str(tmp_path / "to")))["embeddings.parquet"]
    assert mark.table == "embeddings"


def test_an_export_of_embeddings_is_in_the_audit_log(
    exported_embeddings: Path, tmp_path: Path
) -> None:
    [line] = audit.read(open_store(str(tmp_path / "archive")))
    assert (line.action, line.subject) == ("export", "archive")


def test_embeddings_of_a_job_have_its_decisions(tmp_path: Path) -> None:
    make_archive(tmp_path / "archive")
    assert embeddings(tmp_path, FIRST).exception is None
    table = pq.read_table(tmp_path / "to" / "embeddings.parquet")
    assert table["job_id"].to_pylist() == [FIRST] * 3
    assert table["decision"].to_pylist() == ["unknown", None, None]


def test_row_groups_are_of_64_000_rows_whatever_the_fragments_were(tmp_path: Path) -> None:
    store = make_archive(tmp_path / "archive")
    faces = Table(store.uri, PackKeys(PACK).faces, S3Settings())
    for start in range(0, 130_000, 26_000):
        faces.append(many_faces(start, start + 26_000, faces.opened().schema))
    assert embeddings(tmp_path).exception is None
    found = pq.ParquetFile(tmp_path / "to" / "embeddings.parquet").metadata
    sizes = [found.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [64_000, 64_000, 2_004]


def many_faces(start: int, end: int, schema: pa.Schema) -> pa.Table:
    count = end - start
    given = {
        "collection": pa.repeat(collection_id(DAYS), count),
        "photo": pa.array([f"{n}.jpg" for n in range(start, end)]),
        "face_id": pa.array([f"g{n}" for n in range(start, end)]),
        "descriptor": pa.array([[1.0] * DIMENSIONS] * count, schema.field("descriptor").type),
    }
    columns = [given.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.table(columns, schema=schema)


@pytest.mark.parametrize("place", ["archive/exports", "out"])
def test_embeddings_are_not_written_where_forget_would_leave_them(
    tmp_path: Path, place: str
) -> None:
    make_archive(tmp_path / "archive")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / results.SUMMARY).write_text("{}")
    told = embeddings(tmp_path, "--to", str(tmp_path / place))
    assert "`forget` would not take people out of embeddings there" in str(told.exception)
    assert not list(tmp_path.rglob("embeddings.parquet"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--table", "faces"], "--embeddings are Parquet, alone"),
        (["--format", "csv"], "--embeddings are Parquet, alone"),
        (["--model", OTHER_PACK], "has no pack p1. It has pack p0 (p0)"),
        (["nosuch"], "no decisions of a job nosuch"),
    ],
)
def test_what_embeddings_do_not_have_is_said(tmp_path: Path, more: list[str], words: str) -> None:
    make_archive(tmp_path / "archive")
    assert words in str(embeddings(tmp_path, *more).exception)
    assert not (tmp_path / "to").exists()


def test_a_model_pack_is_for_embeddings_alone(out: Store, tmp_path: Path) -> None:
    assert "--model is for --embeddings alone" in str(exported(tmp_path, "--model", "x").exception)


def test_duckdb_reads_exported_embeddings(exported_embeddings: Path) -> None:
    rows = duckdb.read_parquet(str(exported_embeddings))
    assert str(rows.types[rows.columns.index("embedding")]) == "FLOAT[]", "docs say so"
    found = duckdb.sql(
        "select a.face_id, list_cosine_similarity(a.embedding, b.embedding) from rows a, rows b "
        "where b.face_id = 'f1' and a.collection = b.collection order by 2 desc"
    ).fetchall()
    assert [face for face, _ in found] == ["f1", "f4", "f0"]
    assert [cosine for _, cosine in found] == [pytest.approx(c, abs=1e-3) for c in (1, 0.7, 0.48)]


def by_polars(path: Path, folder: Path) -> object:
    return import_module("polars").read_parquet(path)["embedding"].to_numpy()


def by_pandas(path: Path, folder: Path) -> object:
    return np.stack(list(import_module("pandas").read_parquet(path)["embedding"]))


def by_lancedb(path: Path, folder: Path) -> object:
    table = import_module("lancedb").connect(folder).create_table("t", pq.read_table(path))
    merge = table.merge_insert("row_id").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(pq.read_table(path))  # the same again: replaced, and not added
    nearest = table.search([0.0, 0.6, 0.8, 0.0]).limit(1).to_list()
    assert nearest[0]["face_id"] == "f1"
    rows = {row["row_id"]: row["embedding"] for row in table.to_arrow().to_pylist()}
    ids = pq.read_table(path)["row_id"].to_pylist()
    return np.array([rows.pop(row_id) for row_id in ids], np.float32)


@pytest.mark.parametrize("reader", [by_polars, by_pandas, by_lancedb])
def test_other_programs_read_exported_embeddings(
    exported_embeddings: Path, tmp_path: Path, reader: Callable[[Path, Path], object]
) -> None:
    pytest.importorskip(reader.__name__.removeprefix("by_"))
    found = np.asarray(reader(exported_embeddings, tmp_path / "lancedb"))
    assert (found.shape, found.dtype) == ((4, DIMENSIONS), "float32")
    expected = pq.read_table(exported_embeddings)["embedding"].to_pylist()
    assert found.tolist() == expected
