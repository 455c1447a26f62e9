"""A check by the page's requests: drawn, judged, interrupted, gone on with, signed, told."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark
from headcount.answers.taken import note_taken
from headcount.assignments import history
from headcount.assignments.checks.figures import block
from headcount.assignments.checks.kept import read_checks
from headcount.collections.photos import collection_id
from headcount.contract import results
from headcount.contract.layout import JobKeys, PackKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import EXPECTED_HERE, person_id
from headcount.storage import Store, canonical_uri, open_store
from tests.review_page import FIRST, PACK, Page, Seen, face_id, make_archive, page_of, recorded, say
from tests.workers.web.conftest import ADA, BERTA
from workers.web.checking import Asked

WANTED = Asked(100, 50, 7)
BY = "Rosa Luxburg"


def published(store: Store) -> Store:
    """A place with a summary and a report, where the first job's results are."""
    out = open_store(read_record(store, JobKeys(FIRST).spec, JobSpec).out)
    out.put(results.SUMMARY, json.dumps({"job_id": FIRST}).encode())
    out.put(results.REPORT, f"<header>{block([])}</header>".encode())
    return out


def act(page: Page, **body: Any) -> Any:
    found = page.ask("/api/check", body)
    assert found.status == 200, found.body
    return found.json


def judge_all(page: Page, *verdicts: str) -> Any:
    state = page.get("/api/check")
    for verdict in verdicts:
        state = act(page, number=state["item"]["number"], verdict=verdict)
    return state


def test_everything_drawn_is_shown_once_without_what_the_program_thought(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        state = page.get("/api/check")
        assert state["check"]["total"] == 4, "three names and one absence"
        seen = []
        while item := state["item"]:
            seen.append(
                (item["kind"], (item["face"] or {}).get("face_id") if "face" in item else None)
            )
            text = json.dumps(item)
            assert "similarity" not in text
            assert "quality" not in text
            assert "matched" not in text
            state = act(page, number=item["number"], verdict="right")
    assert sorted(seen[:3]) == [("name", face_id(n)) for n in (0, 3, 6)]
    assert seen[3:] == [("absence", None)]


def test_an_absence_shows_the_photo_and_the_references(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        item = judge_all(page, "right", "right", "right")["item"]
    assert item["person"] == "Berta Ohm"
    assert item["photos"] == [{"photo": "2026/5.jpg", "width": 300, "height": 200}]
    assert [one["photo"] for one in item["references"]] == ["2026/0.jpg"]


def test_a_face_is_not_held_against_a_reference_from_its_own_photo(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        state = page.get("/api/check")
        while item := state["item"]:
            if item["kind"] == "name":
                own = item["photo"] == "2026/0.jpg"
                assert [one["photo"] for one in item["references"]] == [] if own else ["2026/0.jpg"]
            state = act(page, number=item["number"], verdict="cannot_tell")


def test_an_interrupted_check_goes_on_where_it_was(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        first = page.get("/api/check")["check"]["id"]
        judge_all(page, "right", "wrong")
    with page_of(store, by=BY, asked=Asked(100, 50)) as page:
        state = page.get("/api/check")
        assert (state["check"]["id"], state["check"]["judged"]) == (first, 2)
    with page_of(store, by="Clara Zetkin", asked=Asked(100, 50)) as page:
        assert page.get("/api/check")["check"]["id"] != first, "who signs has judged it all"
    assert len(read_checks(store)) == 2


def test_verdicts_are_taken_back_one_by_one(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        judge_all(page, "right", "wrong")
        state = act(page, undo=True)
        assert (state["item"]["number"], state["wrong"]) == (2, [])
        state = act(page, undo=True)
        assert (state["item"]["number"], state["undoable"]) == (1, False)
        assert act(page, undo=True)["item"]["number"] == 1


def test_a_signed_check_is_told_in_summary_and_report_and_stays(store: Store) -> None:
    out = published(store)
    with page_of(store, by=BY, asked=WANTED) as page:
        judge_all(page, "right", "right", "wrong")
        assert page.ask("/api/check", {"sign": True}).status == 400, "one is not judged yet"
        judge_all(page, "right")
        state = act(page, sign=True)
        assert state["told"] == [results.SUMMARY, results.REPORT]
        number = read_checks(store)[0].items[0].number
        for body in ({"undo": True}, {"number": number, "verdict": "wrong"}, {"sign": True}):
            assert page.ask("/api/check", body).status == 400, "signed"
    [signed] = json.loads(out.get(results.SUMMARY).data)["checked"]["signed"]
    assert (signed["by"], signed["seed"], signed["names"]["wrong"]) == (BY, 7, 1)
    report = out.get(results.REPORT).data
    assert b"wrong names 1 of 3: these are all there are" in report
    assert b"judged by Rosa Luxburg" in report


def test_wrong_names_become_answers_only_when_asked(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        judge_all(page, "wrong", "right", "right", "wrong")
        assert page.ask("/api/check", {"answer": True}).status == 400, "not signed yet"
        act(page, sign=True)
        assert recorded(store) == []
        assert len(act(page, answer=True)["answers"]) == 1
        wrong = read_checks(store)[0].items[0]
    [answer] = recorded(store)
    assert (answer.what, answer.person_id, answer.by) == ("not", wrong.person_id, BY)
    assert [mark.face_id for mark in answer.faces] == [wrong.face_id]


def test_answers_since_the_job_change_nothing_of_what_is_drawn(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        page.say({"what": "not", "ids": face_id(0), "person": "Ada Quist"})
        assert page.get("/api/check")["check"]["total"] == 4


def test_a_check_does_not_carry_over_to_a_later_job(store: Store, tmp_path: Path) -> None:
    later = "20261129-100000-abcdef"
    with page_of(store, by=BY, asked=WANTED) as page:
        judge_all(page, "right", "right", "right", "right")
        act(page, sign=True)
    collection = collection_id(canonical_uri(str(tmp_path / "photos")))
    spec = read_record(store, JobKeys(FIRST).spec, JobSpec).model_copy(update={"job_id": later})
    store.put(JobKeys(later).spec, spec.to_bytes())
    say(store, collection, [Seen("2026/0.jpg", ADA, "Ada Quist")], later)
    with page_of(store) as page:
        assert page.get("/api/check")["lines"] == []
    with page_of(store, by=BY, asked=WANTED) as page:
        state = page.get("/api/check")
        assert (state["check"]["job_id"], state["check"]["judged"]) == (later, 0)


def test_names_by_a_roster_alone_and_by_people_are_told_apart(store: Store) -> None:
    out = published(store)
    keys, [collection] = PackKeys(PACK), history.collections_of(store, PackKeys(PACK))
    rows = history.read_assignments(store, keys, collection, FIRST).to_pylist()
    for row in rows:
        if row["face_id"] in (face_id(3), face_id(6)):
            row["decision"] = "inferred"
    assigned = pa.Table.from_pylist(rows, history.ASSIGNMENTS)
    history.write_assignments(store, keys, collection, FIRST, assigned)
    mark = FaceMark(face_id=face_id(0), content="c", box=(0, 0, 1, 1))
    record_answer(store, "name", (mark,), person=(person_id("Ada Quist"), "Ada Quist"))
    note_taken(store, FIRST, lambda: None)
    file = io.BytesIO()
    evidence = pa.table({"face_id": [face_id(3)], "evidence": [EXPECTED_HERE]})
    pq.write_table(evidence, file)
    out.put("faces.parquet", file.getvalue())
    with page_of(store, by=BY, asked=WANTED) as page:
        page.get("/api/check")
    [check] = read_checks(store)
    assert check.names == {"by_hand": 1, "expected_here": 1, "inferred": 1}
    assert check.absences == {"absent": 1}


def test_a_scope_shows_all_its_photos(tmp_path: Path) -> None:
    faces = [Seen(f"2026/{n}.jpg", ADA, "Ada Quist") for n in range(3)] + [Seen("other/1.jpg", 4)]
    store = make_archive(
        tmp_path,
        faces,
        enrolled={"Ada Quist": ADA, "Berta Ohm": BERTA},
        expected=[("2026/", "Berta Ohm")],
        needed="some",
    )
    with page_of(store, by=BY, asked=Asked(1, 1)) as page:
        item = judge_all(page, "right")["item"]
    assert [one["photo"] for one in item["photos"]] == [f"2026/{n}.jpg" for n in range(3)]
    assert (item["scope"], item["photos_total"]) == ("2026/", 3)


def test_without_a_check_the_page_says_so(page: Page) -> None:
    state = page.get("/api/check")
    assert (state["check"], state["item"], state["lines"]) == (None, None, [])
    assert page.ask("/api/check", {"number": 1, "verdict": "right"}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"number": 99, "verdict": "right"},
        {"number": 1, "verdict": "perhaps"},
        {"number": True, "verdict": "right"},
        {},
        [],
    ],
)
def test_what_is_no_verdict_is_refused(store: Store, body: object) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        page.get("/api/check")
        assert page.ask("/api/check", body).status == 400
        assert page.get("/api/check")["check"]["judged"] == 0


def test_nobody_else_may_look_or_judge(store: Store) -> None:
    with page_of(store, by=BY, asked=WANTED) as page:
        for path in ("/check", "/api/check"):
            assert page.ask(path, headers={}).status == 403
        mine = {"Authorization": f"Bearer {page.access.token}", "Origin": "http://evil.example"}
        assert page.ask("/api/check", {"undo": True}, headers=mine).status == 403
        entered = page.ask(f"/?token={page.access.token}", headers={})
        assert (entered.status, entered.headers["location"]) == (303, "/check")
