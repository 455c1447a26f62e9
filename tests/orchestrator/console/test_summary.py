"""The last lines of a run, and its exit code."""

from pathlib import Path

import pytest

from headcount.contract.record import now
from headcount.contract.stored.jobs import FinishedRecord
from orchestrator.console.summary import exit_code, readable, summary_lines


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"failures": 1}, 3),
        ({"reference_failures": 1}, 3),
        ({"state": "failed"}, 1),
        ({"state": "cancelled", "failures": 1}, 1),
    ],
)
def test_the_exit_code_tells_done_failed_and_done_with_failures(
    changes: dict[str, object], code: int
) -> None:
    ended = {"job_id": "j", "state": "done", "finished": now(), "out": "o/"}
    assert exit_code(FinishedRecord.model_validate(ended | changes)) == code


def test_a_folder_is_named_from_where_the_person_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert readable(f"{tmp_path.as_uri()}/out/") == "out/"
    assert readable("file:///elsewhere/out/") == "/elsewhere/out/"
    assert readable("s3://bucket/out/") == "s3://bucket/out/"


SUMMARY = {
    "photos": 1,
    "outcomes": {"faces": 1},
    "faces": 1,
    "decisions": {},
    "people": 0,
    "people_found": 0,
    "clusters": 1,
    "expected": 6,
    "expected_missing": 2,
}


def test_expectations_are_told_by_status_and_what_became_of_the_roster() -> None:
    summary = {
        **SUMMARY,
        "expected_statuses": {"present": 2, "absent": 2, "not_enrolled": 1, "photo_unreadable": 1},
        "expected_forgotten": 2,
        "expected_changes": {"new_absences": 1, "ended_absences": 0},
        "expected_lines_without_person": {"count": 2, "first": [3, 7]},
        "expected_lines_without_scope": {"count": 1, "first": [9]},
    }
    assert summary_lines(summary)[2:] == [
        "6 expectations: 2 present, 2 absent, 1 in photos that could not be read, 1 not enrolled",
        "2 expectations skipped: their people were forgotten",
        "since the run before: 1 new absence, 0 that ended",
        "2 lines of the roster name no person: 3, 7",
        "1 line of the roster names no photo or folder: 9",
    ]


def test_the_summary_of_an_earlier_build_is_told_too() -> None:
    assert summary_lines(SUMMARY)[-1] == "6 people expected in photos: 2 missing there"


def test_people_whose_references_are_alike_are_told_the_most_alike_of_them_by_name() -> None:
    def told(count: int) -> list[str]:
        pairs = [{"names": ["Ada", f"Eda {n}"], "similarity": 0.614} for n in range(count)]
        return summary_lines(SUMMARY | {"look_alikes": pairs})[3:]

    assert told(1) == [
        "Ada and Eda 0 have references that are as alike as two photos of one person (0.61): "
        "check them"
    ]
    assert told(0) == []
    assert len(told(8)) == 6
    assert told(8)[-1] == "and 3 more pairs in summary.json"


def test_thresholds_of_an_earlier_build_that_are_ignored_are_told() -> None:
    [line] = summary_lines(SUMMARY | {"calibration_ignored": True})[3:]
    assert "are ignored" in line
    assert "calibrate --keep" in line
    assert summary_lines(SUMMARY | {"calibration_ignored": False})[3:] == []


def test_photos_of_an_older_reading_are_told_with_what_mends_it() -> None:
    assert summary_lines({**SUMMARY, "older_reading": 1_200})[-1] == (
        "1,200 photos were read by an older version: `--reread 1000` reads them anew over some "
        "nights"
    )
    assert summary_lines({**SUMMARY, "older_reading": 0}) == summary_lines(SUMMARY)


def test_references_that_were_read_anew_are_told() -> None:
    assert not [line for line in summary_lines(SUMMARY) if "anew" in line]
    told = summary_lines(SUMMARY | {"references_reread": 12, "references_older": 1, "reading": 2})
    assert "12 references read anew by reading 2" in told
    assert any(line.startswith("1 reference could not be read anew by reading 2") for line in told)


def test_what_was_left_out_is_told_by_rule_and_by_suffix() -> None:
    summary = {**SUMMARY, "left_out": {"@eaDir": 2}, "other_suffixes": {"jxl": 1}}
    assert summary_lines(summary)[-2:] == [
        "2 files left out: 2 in @eaDir; --include lets them in",
        "1 image file of a kind that headcount does not read: 1 .jxl; --all-objects tries them",
    ]


def test_a_rematch_says_if_photos_were_read() -> None:
    rematch = {**SUMMARY, "spec": {"rematch": "p1"}}
    [none, *_] = summary_lines({**rematch, "seconds": {"embed": {}, "reduce": {"match": 1.0}}})
    assert none == ("matched and clustered anew: no photo was read, and the report has no pictures")
    [some, *_] = summary_lines({**rematch, "seconds": {"embed": {"detect": 1.0}}})
    assert "photos with faces drawn by hand were read, no others" in some
