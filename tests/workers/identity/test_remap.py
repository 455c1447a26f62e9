from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from headcount.answers.record import Answer, FaceMark
from headcount.contract.record import now
from tests.answered import answer
from tests.at_once import add, begin, end
from tests.running import table
from workers.identity import remap as remapped
from workers.identity.previous_run import FACE_ID_MAP
from workers.identity.remap import cosines, with_marks

BOX = (1.0, 2.0, 3.0, 4.0)


def test_likeness_is_of_rows_side_by_side_whatever_their_length() -> None:
    one, other = np.array([[3, 4], [1, 0]], np.float32), np.array([[6, 8], [0, 2]], np.float32)
    assert cosines(one, other).tolist() == pytest.approx([1, 0])


def test_a_decision_holds_for_the_ids_of_then_and_of_now_on_the_same_side() -> None:
    old = FaceMark(face_id="old", content="c1", box=BOX, side=1)
    new = FaceMark(face_id="new", content="c2", box=BOX)
    record = Answer(at=now(), what="same", faces=(old,), clusters=("k1", "k2"))
    rows = [{"photo": "a.jpg", "face_id": "old", "new_face_id": "new"}]
    about, marks = pa.Table.from_pylist(rows, schema=FACE_ID_MAP), {("a.jpg", "new"): new}
    found = with_marks(record, about, marks)
    assert found.faces == (old, new.model_copy(update={"side": 1}))
    assert with_marks(found, about, marks) == found


def test_who_is_kept_apart_from_another_stays_one_with_the_copy_of_a_photo_that_was_edited(
    tmp_path: Path,
) -> None:
    photos, archive = add(tmp_path / "photos", a="ada", b="ada", c="bob"), tmp_path / "archive"
    end(begin(photos, archive, "1"))
    ids = {row["photo"]: row["face_id"] for row in table(tmp_path / "out-1", "faces")}
    answer(archive, f"apart,{ids['a.jpg']} {ids['c.jpg']}")
    add(photos, a="ada ")
    end(begin(photos, archive, "2"))
    now_in = {row["photo"]: row["cluster_id"] for row in table(tmp_path / "out-2", "faces")}
    assert now_in["a.jpg"] == now_in["b.jpg"] != now_in["c.jpg"]


def test_the_descriptors_of_then_and_of_now_are_held_a_few_at_a_time_and_none_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"a": "ada bob", "b": "ada", "c": "eve fay"}
    photos = add(tmp_path / "photos", **words)
    end(begin(photos, tmp_path / "archive", "1"))
    add(photos, **{name: f"{said} " for name, said in words.items()})
    held: list[int] = []

    def compared(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
        held.append(len(one))
        return cosines(one, other)

    monkeypatch.setattr(remapped, "cosines", compared)
    monkeypatch.setattr(remapped, "COMPARED", 2)
    end(begin(photos, tmp_path / "archive", "2"))
    assert held == [2, 2, 1]
    assert {row["change"] for row in table(tmp_path / "out-2", "lineage")} == set()
    before, after = (
        sorted(row["cluster_id"] for row in table(tmp_path / out, "faces"))
        for out in ("out-1", "out-2")
    )
    assert before == after
