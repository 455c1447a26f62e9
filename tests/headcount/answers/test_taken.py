"""The answers that a job took in."""

from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark
from headcount.answers.taken import note_taken, taken_by
from headcount.contract.layout import ANSWERS, JobKeys
from headcount.storage.memory import MemoryStore


def test_a_job_notes_the_objects_that_are_there_and_no_later_ones() -> None:
    store = MemoryStore()
    mark = FaceMark(face_id="face-of-somebody", content="c", box=(0, 0, 1, 1))
    record_answer(store, "dismiss", (mark,))
    asked: list[str] = []
    note_taken(store, "job", lambda: asked.append("may I"))
    [first] = [info.key for info in store.list(ANSWERS)]
    record_answer(store, "dismiss", (mark,))
    assert taken_by(store, "job") == {first}
    assert asked == ["may I"]
    assert b"face-of-somebody" not in store.get(JobKeys("job").answers).data
    assert taken_by(store, "another") is None
