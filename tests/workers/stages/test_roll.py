"""The roll call of whole jobs, over made-up faces: every status, and who is named by the roster."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract.layout import JobKeys
from headcount.contract.stored.jobs import FinishedRecord
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.rosters.statuses import Status
from headcount.storage import open_store
from tests.at_once import AtOnce, add, begin, end
from tests.enrolled import enrol

Row = dict[str, Any]
OTHERS = " ".join(f"guest{n}" for n in range(12))
"""Enough faces of nobody that somebody who is only a little alike is not named by the roster."""


class Runs:
    """Jobs over the photos of one folder, each with the roster that it is given."""

    def __init__(self, folder: Path, *people: str) -> None:
        self.folder, self.broker, self.number = folder, AtOnce(prepare=enrol(*people)), 0
        self.photos = folder / "photos"
        self.finished: FinishedRecord | None = None

    def __call__(self, *lines: str, spent: bool = False, **photos: str) -> Path:
        """Run a job; the place of its results."""
        add(self.photos, **photos)
        self.number += 1
        roster = self.folder / f"roster{self.number}.csv"
        roster.write_text("\n".join(("scope,person,needed", *lines)))
        wishes = {"expected": str(roster)} if lines else {}
        spec = begin(self.photos, self.folder / "archive", str(self.number), purity=1, **wishes)
        if spent:  # its time is over before it begins
            spec = spec.model_copy(update={"ends": spec.created})
            open_store(spec.archive).put(JobKeys(spec.job_id).spec, spec.to_bytes())
        self.finished = end(spec, self.broker)
        return self.folder / f"out-{self.number}"


def rows(out: Path, table: str = "expected") -> list[Row]:
    found: list[Row] = pq.read_table(out / f"{table}.parquet").to_pylist()
    return found


def statuses(out: Path) -> dict[tuple[str, str], str]:
    return {(row["scope"], row["person"]): row["status"] for row in rows(out)}


def summary(out: Path) -> Row:
    found: Row = json.loads((out / "summary.json").read_text())
    return found


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    return Runs(tmp_path, "ada", "bob", "cy")


def test_every_status_of_a_photo(run: Runs) -> None:
    out = run(
        "there.jpg,ada",
        "there.jpg,zoe",
        "gone.jpg,ada",
        "torn.jpg,ada",
        "near.jpg,bob",
        "poor.jpg,bob",
        "empty.jpg,bob",
        "there.jpg,cy",
        there="ada cy~0.44",
        torn="?",
        near=f"bob~0.41 {OTHERS}",
        poor="guest20 guest21!",
        empty="",
    )
    assert statuses(out) == {
        ("there.jpg", "ada"): "present",
        ("there.jpg", "zoe"): "not_enrolled",
        ("gone.jpg", "ada"): "photo_absent",
        ("torn.jpg", "ada"): "photo_unreadable",
        ("near.jpg", "bob"): "near_miss",
        ("poor.jpg", "bob"): "too_poor_to_say",
        ("empty.jpg", "bob"): "absent",
        ("there.jpg", "cy"): "inferred",
    }
    each = dict.fromkeys(Status, 1) | {Status.ACCEPTED: 0}
    assert summary(out)["expected_statuses"] == each
    assert summary(out)["expected_missing"] == 3
    assert run.finished is not None
    assert run.finished.expected == each


def test_a_near_miss_and_an_absence_name_the_nearest_unclaimed_face(run: Runs) -> None:
    out = run("a.jpg,bob", a=f"ada bob~0.41 {OTHERS}")
    [row] = rows(out)
    [face] = [f for f in rows(out, "faces") if f["face_id"] == row["face_id"]]
    assert face["nearest"] == "bob"
    assert row["similarity"] == pytest.approx(0.41, abs=0.005)
    assert row["similarity"] == face["similarity"]
    assert row["quality"] == face["quality"]


def test_a_thousand_people_in_some_photo_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    names = [f"p{n}" for n in range(1_000)]
    run = Runs(tmp_path, *names)
    out = run(
        *(f"*,{name},some" for name in names),
        torn="?",
        **{f"photo{n}": " ".join(names[n * 10 : n * 10 + 10]) for n in range(99)},
    )
    counts = summary(out)["expected_statuses"]
    assert len(rows(out)) == 1_000
    assert counts["present"] == 990
    assert counts["photo_unreadable"] == 10  # who was not found may be in there
    assert counts["absent"] == 0


def test_a_hundred_thousand_expectations_all_have_a_row(tmp_path: Path) -> None:
    names = [f"p{n}" for n in range(1_000)]
    run = Runs(tmp_path, *names)
    photos = {f"photo{n}": " ".join(names[n * 10 : n * 10 + 10]) for n in range(100)}
    out = run(*(f"*,{name}" for name in names), **photos)
    assert len(rows(out)) == 100_000
    counts = summary(out)["expected_statuses"]
    assert (counts["present"], counts["absent"] + counts["near_miss"]) == (1_000, 99_000)


def test_a_photo_that_cannot_be_read_is_no_ones_absence(run: Runs) -> None:
    out = run("torn.jpg,ada", "/,bob", torn="?", fine="guest")
    assert summary(out)["expected_missing"] == 0
    assert json.loads((out / "diff.json").read_text())["new_absences"] == []


def test_a_photo_that_a_budget_left_is_no_ones_absence_and_is_not_said_to_be_gone(
    run: Runs,
) -> None:
    out = run("late.jpg,ada", "*,bob,some", spent=True, late="ada")
    told = {row["person"]: (row["status"], row["reason"]) for row in rows(out)}
    assert told["ada"] == (
        "photo_unreadable",
        "the photo is left to the next job, since the budget of this one was spent",
    )
    assert told["bob"][0] == "photo_unreadable"
    assert summary(out)["expected_missing"] == 0
    assert statuses(run("late.jpg,ada"))["late.jpg", "ada"] == "present"


def test_absences_are_compared_with_the_run_before(run: Runs) -> None:
    roster = ("one.jpg,ada", "two.jpg,bob", "*,cy,some")
    first = run(*roster, one="ada", two="guest", three="cy")
    assert summary(first)["expected_changes"] == {}
    (run.photos / "one.jpg").write_text("guest2")
    (run.photos / "three.jpg").unlink()
    second = run(*roster, two="bob")
    diff = json.loads((second / "diff.json").read_text())
    assert diff["counts"]["new_absences"] == 2
    assert {(r["photo"], r["person"]) for r in diff["new_absences"]} == {
        ("one.jpg", "ada"),
        (None, "cy"),
    }
    assert [r["person"] for r in diff["ended_absences"]] == ["bob"]
    assert run.finished is not None
    assert (run.finished.new_absences, run.finished.ended_absences) == (2, 1)


def test_a_run_without_a_roster_has_an_empty_table_and_the_same_faces(run: Runs) -> None:
    without = run(one="ada bob~0.44 guest")
    roster = run("one.jpg,ada")
    assert rows(without) == []
    assert rows(without, "faces") == rows(roster, "faces")


def test_who_is_expected_is_named_though_too_little_alike_for_the_gallery(run: Runs) -> None:
    without, out = run(one="ada bob~0.4"), run("one.jpg,bob", "one.jpg,ada")
    [bob] = [f for f in rows(out, "faces") if f["person"] == "bob"]
    assert (bob["decision"], bob["evidence"]) == ("inferred", "expected here")
    assert 0 < bob["probability"] < 1
    [before] = [f for f in rows(without, "faces") if f["face_id"] == bob["face_id"]]
    assert before["decision"] == "unknown"
    assert statuses(out)["one.jpg", "bob"] == "inferred"


def test_faces_say_who_is_nearest_and_by_which_reference(run: Runs) -> None:
    [face] = rows(run(one="bob~0.2"), "faces")
    assert (face["decision"], face["nearest"]) == ("unknown", "bob")
    assert face["nearest_person_id"] == person_id("bob")
    assert face["reference"] == "file:///people/bob/1.jpg"


def test_a_roster_that_cannot_be_read_is_refused_before_the_job_is_there(run: Runs) -> None:
    with pytest.raises(FatalError, match="line 3"):
        run("a.jpg,ada", "a.jpg,bob,never", a="ada")


def test_too_many_expectations_are_refused_before_anything_is_embedded(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.jobs.roster.MAX_ROWS", 5)
    monkeypatch.setattr("orchestrator.jobs.roster.check_rows", _strict)
    with pytest.raises(FatalError, match="expects people in 6 photos"):
        run("*,ada", "*,bob", "*,cy", a="ada", b="bob")
    assert run.broker.sent == ["prepare"]


def _strict(lines: pa.Table, scopes: Any, source: str) -> int:
    from headcount.rosters.scopes import check_rows

    return check_rows(lines, scopes, source, most=5)


def test_lines_that_expect_nobody_are_told_by_their_numbers(run: Runs) -> None:
    out = run("a.jpg,ada", "a.jpg,", ",bob", "b.jpg,", a="ada")
    found = summary(out)
    assert found["expected_lines_without_person"] == {"count": 2, "first": [3, 5]}
    assert found["expected_lines_without_scope"] == {"count": 1, "first": [4]}
