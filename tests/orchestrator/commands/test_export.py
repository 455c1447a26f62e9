"""``headcount export`` of results of another build, or that somebody saved anew."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from headcount.contract import results
from headcount.contract.columns import RESULTS, VERSION
from headcount.contract.layout import ARCHIVE, JobKeys
from headcount.contract.marks import MARKS, read_marks
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, Limits
from headcount.export import write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from orchestrator.commands.export import command

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


def put_people(out: Store, table: pa.Table, folder: Path, *, marked: bool) -> None:
    if marked:
        more = {"formats": ["parquet"], "folder": folder, "contract": VERSION + 1}
        write_table(out, "people", table.schema, [table], **more)
    else:
        pq.write_table(table, folder / "people")
        out.put_file("people.parquet", folder / "people")


def exported(folder: Path) -> Result:
    where = ("--archive", str(folder / "archive"), "--to", str(folder / "to"))
    return CliRunner().invoke(command, [*where, "--table", "people"], standalone_mode=False)


@pytest.mark.parametrize("marked", [True, False])
def test_a_table_with_a_column_more_is_exported_with_it(
    out: Store, tmp_path: Path, marked: bool
) -> None:
    wide = PEOPLE.add_column(0, "nickname", pa.array(["Ada!"]))
    put_people(out, wide, tmp_path, marked=marked)
    assert exported(tmp_path).exception is None
    [row] = csv.DictReader((tmp_path / "to/people.csv").open())
    assert list(row) == [*results.PEOPLE.names, "nickname"]
    assert (row["person"], row["nickname"]) == ("Ada", "Ada!")
    mark = read_marks(open_store(canonical_uri(str(tmp_path / "to")), S3Settings()))["people.csv"]
    assert mark.contract == (VERSION + 1 if marked else VERSION)


def test_a_table_with_a_column_fewer_is_exported_without_it(out: Store, tmp_path: Path) -> None:
    put_people(out, PEOPLE.drop(["references"]), tmp_path, marked=True)
    assert exported(tmp_path).exception is None
    [row] = csv.DictReader((tmp_path / "to/people.csv").open())
    assert list(row) == ["person_id", "person", "photos", "faces"]


@pytest.mark.parametrize(
    ("table", "marked", "words"),
    [
        (PEOPLE.select(["person"]), False, "no run of headcount wrote it"),
        (PEOPLE.set_column(2, "references", pa.array(["x"])), True, "cannot be read as a table"),
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
