"""What is worth a look in words, and the lines that answer it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headcount.contract.vocabulary import Decision
from tests.workers.report.views import MATCHED, UNKNOWN
from workers.report.looks import alike, answer_lines, command, reason
from workers.report.view import ShownFace, ShownLook
from workers.report.worth_a_look import Kind, Look

NEAR = replace(UNKNOWN, similarity=0.357)
INFERRED = replace(MATCHED, decision=Decision.INFERRED, similarity=0.3)


def shown(kind: Kind, face: ShownFace, person: str = "Ada Lovelace", more: int = 0) -> ShownLook:
    return ShownLook(Look(kind, "a.jpg", "f1", person, "ada", alike=more), face)


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (shown(Kind.NEAR_MISS, NEAR), "Lacks 0.003 of the similarity that a name needs"),
        (
            shown(Kind.SMALL_MARGIN, replace(MATCHED, margin=0.052)),
            "Grace Hopper is just 0.052 behind",
        ),
        (
            shown(Kind.INFERRED, INFERRED),
            "Not similar enough by itself; grouped with faces that are",
        ),
        (
            shown(Kind.INFERRED, replace(INFERRED, nearest="Grace Hopper")),
            "Not similar enough by itself; grouped with faces that are; by itself nearest to Grace "
            "Hopper",
        ),
        (shown(Kind.NEAREST, UNKNOWN), "Nearest is Grace Hopper, not similar enough"),
    ],
)
def test_each_kind_has_its_reason(look: ShownLook, said: str) -> None:
    assert reason(look, 0.36, 0.04) == said


def test_an_unknown_face_is_named_and_a_named_one_confirmed() -> None:
    assert answer_lines(shown(Kind.NEAR_MISS, NEAR)) == (
        "name,f1,Ada Lovelace",
        "not,f1,Ada Lovelace",
    )
    assert answer_lines(shown(Kind.INFERRED, INFERRED))[0] == "confirm,f1,Ada Lovelace"
    assert answer_lines(shown(Kind.NEAR_MISS, NEAR, 'Day, "Dot"')) == (
        'name,f1,"Day, ""Dot"""',
        'not,f1,"Day, ""Dot"""',
    )


def test_further_faces_are_counted_with_their_group() -> None:
    assert alike(shown(Kind.NEAR_MISS, NEAR, more=3)) == "3 more faces of group c3f2"
    assert alike(shown(Kind.INFERRED, MATCHED, more=1)) == "1 more face of its group"
    assert alike(shown(Kind.NEAR_MISS, NEAR)) == ""


def test_a_command_has_its_archive_and_can_be_pasted() -> None:
    assert command("s3://b/a/", "apply", "answers.csv") == (
        "headcount apply answers.csv --archive s3://b/a/"
    )
    assert command("file:///my%20photos/it's/", "review") == (
        """headcount review --archive '/my photos/it'"'"'s'"""
    )
