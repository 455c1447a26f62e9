import io

import pytest

from headcount.contract.record import now
from headcount.contract.stored.jobs import ProgressRecord
from headcount.text import counted
from orchestrator.console.progress import Lines, Rematching, bound, duration, held_lines, rate
from orchestrator.console.summary import summary_lines


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (720, "12 min"), (12_000, "3 h 20 min")]
)
def test_time_left_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def record(**values: object) -> ProgressRecord:
    start = {"job_id": "j", "stage": "embed", "updated": now()}
    return ProgressRecord.model_validate(start | values)


def test_a_rate_that_is_not_known_yet_is_not_said() -> None:
    assert rate(record()) == ""
    assert rate(record(photos_per_second=12.34, seconds_left=60)) == "12.3 photos/s, 60 s left"


def test_a_job_is_bound_by_what_takes_most_of_its_threads_time() -> None:
    assert bound({}) == ""
    assert bound({"fetch": 900, "wait": 9, "decode": 71, "detect": 20}) == "decode-bound 71 %"
    assert bound({"fetch": 5, "wait": 60, "decode": 40}) == "fetch-bound 60 %"
    known = record(photos_per_second=2.0, stages={"embed": 3.0, "write": 1.0})
    assert rate(known) == "2.0 photos/s, embed-bound 75 %"


def test_away_from_a_terminal_every_stage_is_a_line() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.stage("embed")
    lines.progress(record(photos_total=10, photos_done=5))
    lines.warn("look out")
    assert stream.getvalue() == "finding faces\nwarning: look out\n"


def test_one_thing_is_one_thing() -> None:
    assert counted(1, "photo") == "1 photo"
    assert counted(2000, "person", "people") == "2,000 people"


def test_the_summary_names_what_was_not_processed() -> None:
    summary = {
        "photos": 5,
        "outcomes": {"faces": 2, "unreadable": 2, "denied": 1},
        "faces": 1,
        "decisions": {"matched": 1},
        "people": 1,
        "people_found": 1,
        "clusters": 0,
        "expected": 0,
        "expected_missing": 0,
    }
    assert summary_lines(summary) == [
        "5 photos: 2 with faces, 0 without, 3 not processed (1 denied, 2 unreadable)",
        "1 face: 1 matched to 1 of 1 enrolled person, 0 unknown in 0 clusters, 0 too poor to judge",
    ]
    summary |= {"expected_forgotten": 2}
    assert summary_lines(summary)[-1] == "2 expectations skipped: their people were forgotten"


def test_a_photo_that_takes_long_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.console.progress.LINE_SECONDS", -1.0)
    stream = io.StringIO()
    slow = {"worker": "host-1", "photo": "a/b.jpg", "seconds": 300}
    Lines(stream).progress(record(photos_total=10, photos_done=5, slow=slow))
    said = stream.getvalue().splitlines()
    assert said == ["  5 of 10 photos", "  host-1 is at the photo a/b.jpg for 5 min"]


def test_units_in_hand_are_told_with_their_workers_and_of_very_many_the_first() -> None:
    first = {"unit": "embed-0000001", "worker": "gpu-1-77", "photos": 1, "seconds": 30}
    second = {"unit": "embed-0000002", "worker": "gpu-2-78", "seconds": 200, "silent": 20}
    held = record(in_hand=[first, second]).in_hand
    assert held_lines(held) == [
        "gpu-1-77 has embed-0000001: 1 photo done in 30 s",
        "gpu-2-78 has embed-0000002: 0 photos done in 3 min, silent for 20 s",
    ]
    assert held_lines(held * 40)[64:] == ["and 16 more units in hand (--json has all)"]


def test_a_rematch_says_of_no_stage_what_it_does_not_do() -> None:
    stream = io.StringIO()
    reporter = Rematching(Lines(stream))
    for stage in ("prepare", "plan", "commit", "reduce", "done"):
        reporter.stage(stage)
    reporter.warn("look out")
    assert stream.getvalue().splitlines() == [
        "reading the archive",
        "committing to the archive",
        "matching, clustering, writing results",
        "done",
        "warning: look out",
    ]
