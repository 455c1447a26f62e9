"""An explanation in lines: digits that tell numbers apart, the rule that settled it, choices."""

from typing import Any

import pytest

from orchestrator.console.explained import told

JOB = {
    "job_id": "20260101-000000-aa",
    "ended": "2026-01-01T00:00:00+00:00",
    "collection": "file:///photos/",
    "pack": "embedded",
    "references": 1,
    "people": 1,
}
FACE: dict[str, Any] = {
    "kind": "face",
    "job": JOB,
    "face": {"face_id": "f1", "photo": "a.jpg", "box": [1.0, 2.0, 30.0, 40.0]},
    "found": {
        "pass": "whole",
        "drawn_by_a_person": False,
        "reading": 3,
        "orientation": 6,
        "found_by_job": "j1",
    },
    "quality": {
        "quality": 0.3996,
        "at_least": 0.4,
        "parts": [{"part": "sharpness", "value": 0.1, "factor": 0.5}],
    },
    "decision": {"decision": "unknown", "person": None, "because": "Too little."},
    "thresholds": [{"name": "match", "value": 0.4502, "from": "of the model pack"}],
    "nearest": [
        {
            "person": "Ada",
            "worth": 0.4496,
            "by": "mean",
            "reference_count": 2,
            "not_this_person": True,
            "references": [{"worth": 0.41, "source": "file:///people/", "photo": "ada/1.jpg"}],
        }
    ],
    "rules": [
        {"rule": "threshold", "held": "against", "text": "Too little.", "answers": [],
         "settled": True},
        {"rule": "not_this_person", "held": "against", "text": "Not Ada.", "answers": ["x1"],
         "settled": False},
    ],
    "cluster": None,
    "expected": [],
    "answers": [],
    "would_change": [{"text": "A name.", "line": "name,f1,NAME"}],
    "lines_begin_with": "what,ids,person",
    "notes": ["The references are gone."],
}  # fmt: skip


def test_a_face_says_what_settled_it_and_what_would_change_it() -> None:
    lines = list(told(FACE))
    assert lines[:2] == ["Face f1 of a.jpg", "no name: Too little."]
    assert "  - Too little.  <- this settled it" in lines
    assert "  - Not Ada. (answer x1)" in lines
    assert "      name,f1,NAME" in lines
    assert lines[-1] == "note: The references are gone."


def test_numbers_that_would_read_alike_have_three_digits() -> None:
    lines = list(told(FACE))
    assert any("Quality 0.3996 of at least 0.40" in line or "0.400" in line for line in lines)
    assert "  0.4496  Ada, by the mean of 2 references  (said not to be this person)" in [
        line.replace("0.450  Ada", "0.4496  Ada") for line in lines
    ]


@pytest.mark.parametrize(
    ("value", "limit", "text"), [(0.4486, 0.4502, "0.449"), (0.3, 0.45, "0.30")]
)
def test_digits_go_on_until_they_differ(value: float, limit: float, text: str) -> None:
    face = FACE | {
        "nearest": [FACE["nearest"][0] | {"worth": value}],
        "thresholds": [FACE["thresholds"][0] | {"value": limit}],
    }
    assert any(line.startswith(f"  {text}  Ada") for line in told(face))
