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


def test_expected_people_who_could_not_be_found_have_a_reason() -> None:
    summary = {
        "photos": 1,
        "outcomes": {"faces": 1},
        "faces": 1,
        "decisions": {},
        "people": 0,
        "people_found": 0,
        "clusters": 1,
        "expected": 3,
        "expected_missing": 2,
        "expected_photos_absent": 2,
        "expected_not_enrolled": 1,
    }
    assert summary_lines(summary)[-1] == (
        "3 people expected in photos: 2 missing there "
        "(2 photos not in the collection, 1 name not enrolled)"
    )
