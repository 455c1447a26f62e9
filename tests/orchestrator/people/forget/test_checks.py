"""A forgotten person leaves checks; what is left of them keeps its verdicts."""

from datetime import UTC, datetime

from headcount.assignments.checks.figures import figures
from headcount.assignments.checks.kept import read_checks, write_check
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.vocabulary import person_id
from headcount.storage.memory import MemoryStore
from orchestrator.people.forget.checks import forget_checks
from tests.headcount.assignments.checks.made import check, item, judged


def stone(name: str, *faces: str) -> ForgottenRecord:
    return ForgottenRecord(
        person_id=person_id(name),
        at=datetime.now(UTC),
        state="removing",
        person=name,
        faces=faces,
    )


def test_items_of_the_person_go_and_the_bound_is_made_anew() -> None:
    store = MemoryStore()
    mine = {"person": "Zoe", "person_id": person_id("Zoe")}
    write_check(store, check(item(1, "right"), item(2, "wrong", **mine), item(3, "right"), item(4)))
    assert forget_checks(store, stone("Zoe", "f3")) == 1
    [left] = read_checks(store)
    assert [one.number for one in left.items] == [1, 4], "the name of Zoe, and a face of hers"
    assert left.forgotten == 2
    assert b"Zoe" not in left.to_bytes()
    found, _ = figures(left)
    assert (found.drawn, found.wrong) == (2, 0)
    assert forget_checks(store, stone("Zoe", "f3")) == 0, "done already"


def test_a_check_of_nobody_else_goes() -> None:
    store = MemoryStore()
    write_check(store, check(item(1, "right", person="Zoe", person_id=person_id("Zoe"))))
    forget_checks(store, stone("Zoe"))
    assert read_checks(store) == []


def test_who_judged_is_forgotten_and_the_verdicts_stay() -> None:
    store = MemoryStore()
    write_check(store, judged(1, 10))
    forget_checks(store, stone("Ada Lovelace"))
    [left] = read_checks(store)
    assert (left.by, left.judged, left.forgotten) == (None, 10, 0)
