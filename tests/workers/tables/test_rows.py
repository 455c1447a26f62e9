from dataclasses import replace

import numpy as np
import pyarrow as pa

from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import Outcome, Photo, face_id
from headcount.tables.schemas import faces_schema
from tests.workers.archives import PACK
from workers.faces.analysis import Analysis
from workers.tables.rows import (
    face_rows,
    fixed_lists,
    matrix,
    photo_rows,
    stored_matrix,
    stored_parts,
)

SPEC = JobSpec.model_construct(job_id="j1", profile="balanced")


def photo(key: str, faces: int) -> Photo:
    outcome = Outcome.FACES if faces else Outcome.UNREADABLE
    return Photo(key, f"e-{key}", 9, outcome, None, 90, 60, 1, faces, content=f"c-{key}")


def analysis(count: int) -> Analysis:
    return Analysis(
        width=90,
        height=60,
        orientation=1,
        boxes=np.arange(4 * count, dtype=np.float32).reshape(-1, 4),
        landmarks=np.zeros((count, 5, 2), np.float32),
        scores=np.full(count, 0.5, np.float32),
        passes=("whole",) * count,
        qualities=np.full(count, 0.25, np.float32),
        usable=np.array([True, False][:count]),
        embeddings=np.eye(count, PACK.dimensions, dtype=np.float32),
        seconds={},
    )


def test_a_matrix_comes_back_from_a_column_as_it_was() -> None:
    rows = np.arange(6, dtype=np.float16).reshape(3, 2)
    column = pa.chunked_array([fixed_lists(rows[:1]), fixed_lists(rows[1:])])
    assert stored_matrix(column).dtype == np.float16
    assert matrix(column).dtype == np.float32
    assert matrix(column).tolist() == rows.tolist()


def test_a_photo_is_one_row_with_the_profile_that_it_was_searched_with() -> None:
    photos = [photo("a.jpg", 1), photo("b.jpg", 0)]
    rows = photo_rows(photos, "c", SPEC, ["balanced", "thorough"]).to_pylist()
    assert [(r["photo"], r["outcome"], r["profile"]) for r in rows] == [
        ("a.jpg", "faces", "balanced"),
        ("b.jpg", "unreadable", "thorough"),
    ]
    assert {(r["collection"], r["job_id"]) for r in rows} == {("c", "j1")}


def test_a_face_is_one_row_in_the_order_of_photos_and_its_id_follows_from_the_content() -> None:
    pairs = [(photo("a.jpg", 2), analysis(2)), (photo("b.jpg", 0), None)]
    rows = face_rows(pairs, PACK, "c", SPEC)
    assert rows.schema == faces_schema(PACK.dimensions)
    ids = [face_id("c-a.jpg", PACK.pack_id, "balanced", number) for number in range(2)]
    assert rows["face_id"].to_pylist() == ids
    assert rows["usable"].to_pylist() == [True, False]
    assert [row.as_py() for row in rows["h"]] == [3.0, 7.0]
    np.testing.assert_array_equal(matrix(rows["descriptor"]), np.eye(2, PACK.dimensions))


def test_parts_of_the_quality_are_stored_and_null_where_they_were_not_measured() -> None:
    parts = {"sharpness": np.array([0.25, 0.5], np.float32), "outside": np.array([0, np.nan])}
    measured = replace(analysis(2), parts=parts)
    pairs = [(photo("a.jpg", 2), measured), (photo("b.jpg", 2), analysis(2))]
    rows = face_rows(pairs, PACK, "c", SPEC)
    assert rows["sharpness"].to_pylist() == [0.25, 0.5, None, None]
    assert rows["outside"].to_pylist() == [0, None, None, None]
    assert rows["certainty"].null_count == 4
    kept = stored_parts(rows)
    assert kept["sharpness"].to_pylist() == [0.25, 0.5, None, None]
    assert stored_parts(rows.select(["photo"]))["sharpness"].null_count == 4


def test_photos_without_a_face_give_no_row_and_all_columns() -> None:
    rows = face_rows([(photo("b.jpg", 0), None)], PACK, "c", SPEC)
    assert rows.num_rows == 0
    assert rows.schema == faces_schema(PACK.dimensions)
