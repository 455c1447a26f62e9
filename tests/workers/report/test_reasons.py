from headcount.contract.vocabulary import ANOTHER_FACE, REJECTED, Decision
from tests.workers.report.views import face
from workers.report.phrases import why
from workers.report.reasons import unnamed_because


def because(**facts: object) -> str:
    known = {"nearest": "Ada", "similarity": 0.76, "margin": 0.5, "runner_up": "Bob"}
    return unnamed_because(face(Decision.UNKNOWN, **(known | facts)), 0.4, 0.04)


def test_each_rule_that_left_a_face_unnamed_is_told_as_such() -> None:
    assert because(evidence=ANOTHER_FACE) == "Like Ada, who is another face of this photo"
    assert because(margin=0.03) == "Too close to call: nearest is Ada, Bob just behind"
    assert "Rejected" in because(similarity=0.1, evidence=REJECTED)
    poor = "Nearest is Ada: similar, but both pictures are too poor to tell"
    assert because(discount=0.4) == poor
    assert because(similarity=0.3) == "Nearest is Ada, not similar enough"
    assert because(nearest=None) == "Nobody to compare it with"


def test_the_page_says_who_was_named_by_a_person() -> None:
    named = face(Decision.MATCHED, person="Ada", evidence="named by a person")
    assert why(named, 0.4, 0.04) == "Named by a person"
