"""The tables of an open archive, read by Arrow and by DuckDB."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import headcount
from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark
from headcount.archive import Archive
from headcount.archive.columns import TABLES, schema_of
from headcount.collections.photos import collection_id
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.storage import Store
from tests.headcount.archive.archives import (
    ADA,
    BEN,
    DAYS,
    FIRST,
    NIGHTS,
    OTHER_PACK,
    SECOND,
    add_job,
    add_pack,
    append,
    face,
    make_archive,
    pack_record,
    said,
)

NAMES = [table.name for table in TABLES]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_archive(tmp_path / "archive")


@pytest.fixture
def archive(store: Store) -> Archive:
    return headcount.open(store.uri)


def given(archive: Archive, name: str) -> pa.Table:
    """A table by its name; jobs are no method."""
    found: Any = getattr(archive, name)
    return found if isinstance(found, pa.Table) else found()


def test_names_of_collections_are_their_uris(archive: Archive) -> None:
    assert archive.collections == (DAYS, NIGHTS)
    assert archive.pack.pack_id == "p0"


@pytest.mark.parametrize("name", NAMES)
def test_every_table_has_the_documented_columns_and_is_valid(archive: Archive, name: str) -> None:
    table = given(archive, name)
    table.validate(full=True)
    [columns] = (one for one in TABLES if one.name == name)
    assert table.schema == schema_of(columns, archive.pack.dimensions)


@pytest.mark.parametrize("name", NAMES)
def test_duckdb_reads_every_table_as_a_variable(archive: Archive, name: str) -> None:
    found = given(archive, name)
    rows = duckdb.sql("from found").fetchall()
    assert rows == [tuple(row.values()) for row in plain(found)]


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as DuckDB gives them: a list of fixed size is a tuple."""
    fixed = [f.name for f in table.schema if pa.types.is_fixed_size_list(f.type)]
    return [
        {name: tuple(v) if name in fixed else v for name, v in row.items()}
        for row in table.to_pylist()
    ]


def test_faces_have_the_decisions_of_the_latest_job(archive: Archive) -> None:
    faces = archive.faces(DAYS).to_pylist()
    assert [
        (row["face_id"], row["decision"], row["person"], row["cluster_id"]) for row in faces
    ] == [
        ("f0", "matched", ADA, "k0"),
        ("f1", "unknown", None, "k0"),
        ("f2", "unknown", None, None),
        ("f3", None, None, None),
        ("f4", "matched", ADA, "k4"),
    ]
    assert {row["job_id"] for row in faces} == {SECOND}
    assert {row["collection"] for row in faces} == {DAYS}


def test_faces_have_the_decisions_of_an_earlier_job_where_it_is_asked_for(archive: Archive) -> None:
    faces = archive.faces(job=FIRST)
    assert faces["decision"].to_pylist() == ["unknown", None, None, None, None]
    assert archive.assignments(job=FIRST)["photo"].to_pylist() == ["a.jpg", "gone.jpg"]


def test_collections_may_be_named_by_uri_path_or_id(archive: Archive, store: Store) -> None:
    ids = {"/nights", "/nights/", NIGHTS}
    assert {archive.faces(name).num_rows for name in ids} == {1}
    assert archive.faces([DAYS, "/nights"]).num_rows == archive.faces().num_rows == 6


def test_embeddings_are_of_unit_length_and_those_that_are_none_are_left_out(
    archive: Archive,
) -> None:
    table = archive.embeddings(DAYS)
    assert table["face_id"].to_pylist() == ["f0", "f1", "f4"]
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 4)
    wanted = [[0.6, 0.8, 0, 0], [0, 0.6, 0.8, 0], [0.5, 0.5, 0.5, 0.5]]
    assert table["embedding"].to_pylist() == [pytest.approx(row, abs=1e-3) for row in wanted]
    for row in table["embedding"].to_pylist():
        assert sum(x * x for x in row) == pytest.approx(1, abs=1e-6)
    assert table["person"].to_pylist() == [ADA, None, ADA]
    assert set(table["pack"].to_pylist()) == {"p0"}
    assert set(table["metric"].to_pylist()) == {"cosine"}


def test_a_copy_of_a_photo_in_another_collection_has_a_row_id_of_its_own(archive: Archive) -> None:
    faces, vectors = archive.faces(), archive.embeddings()
    assert len(set(faces["row_id"].to_pylist())) == faces.num_rows == 6
    assert set(vectors["row_id"].to_pylist()) < set(faces["row_id"].to_pylist())
    assert archive.faces()["row_id"] == faces["row_id"], "the same at each reading"


def test_batches_of_embeddings_have_the_rows_that_were_asked_for(archive: Archive) -> None:
    with archive.embedding_reader(batch_rows=3) as reader:
        batches = [*reader]
    assert [batch.num_rows for batch in batches] == [3, 1]
    assert pa.Table.from_batches(batches).equals(archive.embeddings())


def test_duckdb_searches_by_cosine_in_an_open_archive(archive: Archive) -> None:
    vectors = archive.embeddings()
    query = """
        select b.face_id, round(100 * array_cosine_similarity(a.embedding, b.embedding))
        from vectors a, vectors b where a.face_id = 'f1' and b.collection = a.collection
        order by 2 desc
    """
    assert duckdb.sql(query).fetchall() == [("f1", 100), ("f4", 70), ("f0", 48)]
    assert len(vectors) == 4


def test_duckdb_streams_embeddings_from_a_reader(archive: Archive) -> None:
    with archive.embedding_reader(batch_rows=1) as reader:
        assert isinstance(reader, pa.RecordBatchReader)
        counted = duckdb.sql("select count(*), max(quality) from reader").fetchall()
    assert counted == [(4, pytest.approx(0.9))]


def test_people_are_counted_over_the_collections_that_are_asked_for(archive: Archive) -> None:
    rows = [tuple(row.values()) for row in archive.people().to_pylist()]
    assert rows == [(person_id(ADA), ADA, 2, 3, 3), (person_id(BEN), BEN, 1, 0, 0)]
    assert archive.people(NIGHTS)["faces"].to_pylist() == [1, 0]


def test_people_who_were_renamed_have_the_name_that_they_have_now(
    archive: Archive, store: Store
) -> None:
    zoe = {"new_person_id": person_id("Zoe"), "new_person": "Zoe"}
    record_answer(store, "rename", (), person=(person_id(ADA), ADA), **zoe)
    rows = [tuple(row.values()) for row in archive.people().to_pylist()]
    assert sorted(rows) == sorted(
        [(person_id("Zoe"), "Zoe", 2, 3, 3), (person_id(BEN), BEN, 1, 0, 0)]
    )
    assert archive.references()["person"].to_pylist() == ["Zoe", "Zoe", BEN]


def test_clusters_have_the_person_of_their_matched_faces(archive: Archive) -> None:
    rows = [tuple(row.values()) for row in archive.clusters(DAYS).to_pylist()]
    ada = person_id(ADA)
    assert rows == [(DAYS, "k0", 2, 1, ada, "f1"), (DAYS, "k4", 1, 1, ada, "f4")]
    assert archive.clusters(job=FIRST)["person_id"].to_pylist() == [None]


def test_references_have_the_gallery_with_its_embeddings(archive: Archive) -> None:
    table = archive.references()
    assert table["person"].to_pylist() == [ADA, ADA, BEN]
    assert table["embedding"][0].as_py() == pytest.approx([0.6, 0.8, 0, 0])


def test_expectations_and_jobs_are_listed(archive: Archive) -> None:
    [row] = archive.expected().to_pylist()
    assert (row["person"], row["status"], row["job_id"]) == (BEN, "absent", SECOND)
    assert archive.jobs["state"].to_pylist() == ["done"] * 3
    assert archive.jobs["collection"].to_pylist() == [DAYS, DAYS, NIGHTS]


def test_answers_are_those_that_were_not_taken_back(archive: Archive, store: Store) -> None:
    mark = FaceMark(face_id="f0", content="abc", box=(1, 2, 3, 4))
    name = record_answer(store, "name", (mark,), person=(person_id(ADA), ADA))
    gone = record_answer(store, "not", (mark,), person=(person_id(BEN), BEN))
    record_answer(store, "undo", (), undoes=gone.id)
    record_answer(store, "accept_absent", (), person=(person_id(BEN), BEN), photo="a.jpg")
    first, second = archive.answers().to_pylist()
    assert (first["answer_id"], first["what"], first["person"]) == (name.id, "name", ADA)
    assert (first["face_id"], first["photo_sha256"], first["w"]) == ("f0", "abc", 3.0)
    assert (second["what"], second["face_id"], second["photo"]) == ("accept_absent", None, "a.jpg")
    faces, answers = archive.faces(), archive.answers()
    query = "select photo from faces semi join answers using (face_id) order by photo"
    assert duckdb.sql(query).fetchall() == [("a.jpg",), ("a.jpg",)]
    assert len(faces) > len(answers)


def test_embeddings_of_another_pack_have_its_dimensions(archive: Archive, store: Store) -> None:
    keys = add_pack(store, pack_record(OTHER_PACK, dimensions=8))
    append(store, keys.faces, [face(DAYS, "a.jpg", 7, [1.0] * 8)])
    add_job(store, keys, "20260104-000000-dddddd", DAYS, [said("a.jpg", 7, None, "k7")])
    for name in (OTHER_PACK, "pack p1"):
        table = archive.embeddings(pack=name)
        assert table.schema.field("embedding").type.list_size == 8
        assert table["pack"].to_pylist() == [OTHER_PACK]
    assert archive.embeddings().num_rows == 4


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda a: a.faces("/elsewhere"),
            "no results of a collection /elsewhere.*file:///days/, f",
        ),
        (lambda a: a.embeddings(pack="big"), r"no pack big. It has pack p0 \(p0\)"),
        (lambda a: a.faces(job="20250101"), f"no decisions of a job 20250101.*{SECOND}"),
    ],
)
def test_a_wrong_name_is_told_with_those_that_are_there(
    archive: Archive, ask: Callable[[Archive], object], words: str
) -> None:
    with pytest.raises(FatalError, match=words):
        ask(archive)


def test_an_archive_without_results_says_so(store: Store, archive: Archive) -> None:
    for info in list(store.list("packs/")):
        store.delete(info.key)
    with pytest.raises(FatalError, match=r"no job of .* has results yet"):
        archive.faces()
    assert archive.jobs.num_rows == 3


def test_a_damaged_table_is_said_in_words(store: Store, archive: Archive) -> None:
    [info] = store.list(f"packs/p0/rolls/{collection_id(DAYS)}/{SECOND}")
    store.put(info.key, store.get(info.key).data[:-40])
    with pytest.raises(FatalError, match="damaged"):
        archive.faces(DAYS)
