"""Rows of an open archive's tables, as values."""

import pyarrow as pa
import pytest

from headcount.archive import rows
from workers.identity import cluster_ids

HALVES = pa.list_(pa.float16(), 2)
NAN = float("nan")


def test_the_rows_of_later_faces_stay_theirs_where_an_earlier_one_has_no_embedding() -> None:
    column = pa.chunked_array(
        [
            pa.array([None, [3.0, 4.0]], HALVES),
            pa.array([[0.0, 0.0], [NAN, 1.0], [0.0, 2.0]], HALVES),
        ]
    )
    vectors, kept = rows.unit_length(column, 2)
    assert kept.to_pylist() == [1, 4]
    assert vectors.to_pylist() == [pytest.approx([0.6, 0.8]), [0.0, 1.0]]


def test_a_slice_of_embeddings_has_its_own_rows_alone() -> None:
    column = pa.chunked_array([pa.array([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]], HALVES).slice(2)])
    vectors, kept = rows.unit_length(column, 2)
    assert (vectors.to_pylist(), kept.to_pylist()) == ([pytest.approx([0.6, 0.8])], [0])


def test_embeddings_without_a_row_are_none() -> None:
    for column in (pa.chunked_array([], HALVES), pa.chunked_array([pa.array([None], HALVES)])):
        vectors, kept = rows.unit_length(column, 2)
        assert (len(vectors), len(kept), vectors.type) == (0, 0, pa.list_(pa.float32(), 2))


def test_parts_have_the_rows_asked_for_whatever_the_tables_had() -> None:
    ends = ((0, 1), (1, 1), (1, 8), (8, 9))
    tables = [pa.table({"n": pa.array(range(*of), pa.int64())}) for of in ends]
    parts = [part["n"].to_pylist() for part in rows.in_parts(tables, 4)]
    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert list(rows.in_parts([], 4)) == []


def test_ids_of_rows_are_uuids_that_stay() -> None:
    faces = pa.table({"photo": ["a.jpg", "b.jpg"], "face_id": ["f1", "f1"]})
    assert rows.row_ids("c1", faces).to_pylist() == [
        "4243a269-d094-52a6-8c7b-733c2474152e",
        "90d7d668-506e-5e47-bfec-534f32b27ffb",
    ]


@pytest.mark.parametrize(
    ("matched", "person"),
    [([0, 0, 1], None), ([0], None), ([0, 0], "p0"), ([0, 0, 0, 0, 0, 0, 0], "p0")],
)
def test_a_cluster_has_the_name_of_enough_matched_faces_of_one_person(
    matched: list[int], person: str | None
) -> None:
    size = 10
    table = pa.table(
        {
            "face_id": [f"f{n}" for n in range(size)],
            "cluster_id": ["k"] * size,
            "decision": ["matched"] * len(matched) + ["inferred"] * (size - len(matched)),
            "person_id": [f"p{n}" for n in matched] + ["p7"] * (size - len(matched)),
        }
    )
    assert rows.cluster_people(table)["person_id"].to_pylist() == ([person] if person else [])


def test_the_share_of_matched_faces_is_that_of_the_workers() -> None:
    assert rows.MIN_MATCHED_SHARE == cluster_ids.MIN_MATCHED_SHARE
