import pyarrow as pa

from headcount.answers.record import Answer
from headcount.assignments.history import ASSIGNMENTS
from headcount.contract.record import now
from workers.identity.apply_answers import Answers
from workers.identity.inherit import BEST, best_matched


def assignments(*said: tuple[str, str, str]) -> pa.Table:
    """Rows of face, decision and person; each face is in the photo of its name."""
    rows = [{"photo": f, "face_id": f, "decision": d, "person_id": p} for f, d, p in said]
    return pa.Table.from_pylist(rows, schema=ASSIGNMENTS)


def faces(*judged: tuple[str, float, bool]) -> pa.Table:
    """Rows of face, quality and whether it can be judged."""
    names = [face for face, _, _ in judged]
    return pa.table(
        {
            "photo": names,
            "face_id": names,
            "quality": [quality for _, quality, _ in judged],
            "usable": [usable for _, _, usable in judged],
        }
    )


def inherited(said: pa.Table, here: pa.Table, answers: Answers, *people: str) -> list[object]:
    found = best_matched(said, here, answers, set(people))
    names = here["face_id"].take(found["row"]).to_pylist()
    return list(zip(found["person_id"].to_pylist(), names, strict=True))


def test_the_best_faces_that_the_other_pack_matched_become_references() -> None:
    said = assignments(
        ("a", "matched", "p"), ("b", "matched", "p"), ("c", "inferred", "p"), ("d", "matched", "q")
    )
    here = faces(("d", 0.9, True), ("c", 0.9, True), ("b", 0.8, True), ("a", 0.7, True))
    assert inherited(said, here, Answers(), "p") == [("p", "b"), ("p", "a")]
    rejected = Answer(at=now(), what="not", faces=(), person_id="p")
    assert inherited(said, here, Answers((rejected,), (("b",),)), "p") == [("p", "a")]


def test_no_more_of_them_than_a_name_takes_and_none_that_cannot_be_judged() -> None:
    names = [f"f{n}" for n in range(BEST + 3)]
    said = assignments(*((name, "matched", "p") for name in names))
    here = faces(*((name, n / 10, n != 7) for n, name in enumerate(names)))
    found = inherited(said, here, Answers(), "p")
    assert found == [("p", f"f{n}") for n in (6, 5, 4, 3, 2)]


def test_copies_of_a_photo_give_no_second_reference_of_the_same_face() -> None:
    said = assignments(*((name, "matched", "p") for name in "ab"))
    here = faces(("a", 0.9, True), ("b", 0.8, True))
    copied = said.slice(0, 1).set_column(0, "photo", pa.array(["copy"]))
    beside = here.slice(0, 1).set_column(0, "photo", pa.array(["copy"]))
    found = inherited(
        pa.concat_tables([said, copied]), pa.concat_tables([here, beside]), Answers(), "p"
    )
    assert found == [("p", "a"), ("p", "b")]
