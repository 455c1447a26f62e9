"""A person's faces, as they are found in an archive."""

from pathlib import Path

import pytest

from headcount.contract.forgotten import Place
from headcount.contract.vocabulary import person_id
from orchestrator.people.forget.trace import trace_faces
from tests.orchestrator.people.forget.by_hand import BOX, S3, archive, face, name

ADA = person_id("Ada")


def test_a_named_face_is_traced_to_its_photo_and_place_in_every_pack(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1")], p2=[face("g1", 11.0), face("g2", 90.0)])
    name(store, "Ada", "f1")
    traces = trace_faces(store, [ADA], S3)
    assert traces.faces == {"f1", "g1"}
    assert traces.photos == {("c", "a.jpg")}
    assert traces.places["c1", BOX] == Place(content="c1", box=BOX)
    assert len(traces.places) == 2


def test_a_face_that_was_given_another_name_since_is_not_traced(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1")])
    name(store, "Ada", "f1")
    name(store, "Ben", "f1")
    assert trace_faces(store, [ADA], S3).faces == set()


@pytest.mark.parametrize("content", ["", "c1"])
def test_a_photo_of_unknown_content_is_no_place(tmp_path: Path, content: str) -> None:
    traces = trace_faces(archive(tmp_path, p1=[]), [ADA], S3)
    traces.add_place(content, BOX)
    assert len(traces.places) == bool(content)
