"""Nothing is said of a face at a forgotten place."""

import pytest

from headcount.answers.forgotten_marks import forgotten_fault, is_forgotten
from headcount.answers.kept import read_answers, record_answer
from headcount.answers.record import FaceMark
from headcount.contract.forgotten import ForgottenRecord, Place, tombstone_key
from headcount.contract.frames import Frame, moved_box
from headcount.contract.record import now
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore

FRAME = Frame(900, 600, 1)
PLACE = Place.of("c", (100, 50, 80, 90), FRAME)
PLACES = {"c": [PLACE]}


def mark(box: tuple[float, float, float, float], face: str = "", **about: object) -> FaceMark:
    return FaceMark.model_validate(
        {"face_id": face, "content": "c", "box": box, "frame": FRAME} | about
    )


def test_a_mark_is_judged_by_its_place_however_the_photo_was_turned() -> None:
    near = (105.0, 55.0, 80.0, 90.0)
    assert is_forgotten(mark(near), PLACES)
    turned = FRAME.turned(6)
    assert is_forgotten(mark(moved_box(near, FRAME, turned), frame=turned), PLACES)
    assert not is_forgotten(mark((180, 55, 80, 90)), PLACES)
    assert not is_forgotten(mark(near, content="d"), PLACES)
    assert is_forgotten(mark(near, "f1"), PLACES)
    assert not is_forgotten(mark(near, "f1", frame=(0, 0, 0)), PLACES)
    assert "was forgotten" in (forgotten_fault(mark(near), PLACES) or "")
    assert forgotten_fault(mark((180, 55, 80, 90)), PLACES) is None


def test_an_answer_on_a_forgotten_face_is_refused_and_nothing_is_recorded() -> None:
    store = MemoryStore()
    stone = ForgottenRecord(person_id="p1", at=now(), state="done", places=(PLACE,))
    store.put(tombstone_key("p1"), stone.to_bytes())
    with pytest.raises(FatalError, match="the face at this place was forgotten"):
        record_answer(store, "face", (mark((105, 55, 80, 90)),))
    record_answer(store, "face", (mark((180, 55, 80, 90)),))
    assert len(read_answers(store)) == 1
