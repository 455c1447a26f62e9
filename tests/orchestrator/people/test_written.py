"""Answers written by face, and applied to other archives of the same photos."""

from pathlib import Path

import pytest

from benchmarks.scale.answers import cluster_of, content_of, face_of
from headcount.answers.file import Form, read_lines, written_lines
from headcount.answers.kept import read_answers, record_answers
from headcount.answers.record import Answer, FaceMark
from headcount.contract.record import now
from headcount.storage import Store
from orchestrator.people.answer import check_lines, record_checked
from orchestrator.people.listed import list_answers
from orchestrator.people.written import Written, written
from tests.orchestrator.people.made_up import S3, archive_of, say

LINES = (
    f"name,{cluster_of(0)},Ada",
    f"not,{cluster_of(16)},Ada",
    f"same,{cluster_of(1)} {cluster_of(17)}",
    f"same,{face_of(2)} {face_of(6)} {face_of(9)}",
    f"apart,{face_of(2)} {face_of(18)}",
    f"dismiss,{face_of(30)} {face_of(33)}",
    f"not_a_face,,,,{content_of(1)},300 150 20 20,6",
    f"face,,Eve,0000002.jpg,{content_of(2)},5.5 100 40 40",
    f"face,,,gone.jpg,{'e' * 64},10 20 30 40,8",
    f"no_reference,{face_of(0)}",
    "rename,Ada,=Ada L,,,,,2026-11-27T10:00:00Z,somebody",
    "accept_absent,,Eve,2026/*",
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = archive_of(tmp_path / "one")
    say(store, *LINES)
    return store


def by_face(store: Store) -> Written:
    return written(store, S3, [(one.answer, one.members) for one in list_answers(store, S3)])


def apply(store: Store, data: bytes, form: Form = "csv") -> int:
    """Apply a file; the number of answers that were new."""
    read = read_lines(data, f"a.{form}", now())
    assert not read.bad
    checked = check_lines(store, read.lines, S3, source="a", bad=read.bad)
    record_checked(store, checked)
    return len(checked.answers)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_is_a_repeat_at_home_and_written_the_same_elsewhere(
    store: Store, tmp_path: Path, form: Form
) -> None:
    data = written_lines(by_face(store).lines, form)
    assert apply(store, data, form) == 0
    other = archive_of(tmp_path / "two")
    assert apply(other, data, form) == len(data.decode().splitlines()) - (form == "csv")
    assert written_lines(by_face(other).lines, form) == data
    assert apply(other, data, form) == 0


def test_a_name_of_a_cluster_is_one_of_its_references_and_confirms_the_rest(
    tmp_path: Path,
) -> None:
    store = archive_of(tmp_path)
    say(store, f"name,{cluster_of(0)},Ada")
    [answer] = read_answers(store)
    fewer = answer.model_copy(update={"id": "0b", "faces": answer.faces[:2]})
    record_answers(store, [fewer])
    _, name, confirm = by_face(store).lines
    assert (name.what, len(name.sides[0]), confirm.what, len(confirm.sides[0])) == (
        "name",
        2,
        "confirm",
        3,
    )
    assert name.said_at == confirm.said_at == answer.at.isoformat()
    assert len(confirm.contents) == len(confirm.boxes) == 3


def test_faces_without_any_place_are_left_out_and_counted(tmp_path: Path) -> None:
    store = archive_of(tmp_path)
    nowhere = FaceMark(face_id=f"f{'0' * 23}", content="", box=(0, 0, 0, 0))
    placed = nowhere.model_copy(update={"face_id": f"f{'1' * 23}", "content": "a" * 64})
    record_answers(store, [Answer(what="dismiss", at=now(), faces=(nowhere, placed))])
    found = by_face(store)
    assert found.left_out == 1
    [line] = found.lines
    assert (line.sides, line.orientations) == (((f"f{'1' * 23}",),), (0,))
    assert line.texts()["orientation"] == ""
