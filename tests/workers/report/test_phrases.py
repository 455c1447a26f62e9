from dataclasses import replace
from datetime import UTC, datetime

import pytest

from headcount.answers.record import Answer
from headcount.contract.vocabulary import EXPECTED_HERE, NAMED_BY_PERSON, Decision, Outcome
from headcount.text import counted
from tests.workers.report.test_page import words
from tests.workers.report.views import (
    EMPTY,
    FULL,
    IGNORED,
    MATCHED,
    PACK,
    PHOTO,
    UNKNOWN,
    face,
    reference,
)
from workers.report import phrases
from workers.report.page import render
from workers.report.view import ShownPerson


def test_the_result_is_one_sentence():
    report = replace(
        FULL,
        photos=41,
        faces=96,
        outcomes={"faces": 38, "unreadable": 3},
        clusters_total=31,
        missing=None,
    )
    assert phrases.sentence(report) == (
        "41 photos, 96 faces: 2 people recognised 23 times, 31 people nobody has named, "
        "3 photos could not be read."
    )
    assert phrases.sentence(report) in words(render(report))


def test_small_numbers_are_spelled_right():
    report = replace(
        EMPTY,
        photos=1,
        faces=1,
        decisions={"matched": 1},
        people=(ShownPerson("p1", "Ada", 1, 1, 1),),
        clusters_total=1,
        outcomes={"faces": 1},
    )
    assert phrases.sentence(report) == (
        "1 photo, 1 face: 1 person recognised once, 1 person nobody has named."
    )


def test_every_outcome_has_words():
    assert set(phrases.OUTCOMES) == set(Outcome)


def test_why_a_face_is_not_named():
    assert (
        phrases.why(UNKNOWN, PACK.threshold, PACK.margin)
        == "Nearest is Grace Hopper, not similar enough"
    )
    close = replace(UNKNOWN, similarity=0.5)
    assert phrases.why(close, PACK.threshold, PACK.margin).startswith("Too close to call")
    assert (
        phrases.why(face(Decision.UNKNOWN), PACK.threshold, PACK.margin)
        == "Nobody to compare it with"
    )
    assert phrases.why(IGNORED, PACK.threshold, PACK.margin) == "Too poor to judge: quality 0.07"
    assert phrases.why(MATCHED, PACK.threshold, PACK.margin) == ""
    inferred = face(Decision.INFERRED)
    assert "grouped" in phrases.why(inferred, PACK.threshold, PACK.margin)
    expected = replace(inferred, evidence=EXPECTED_HERE)
    assert "expected in this photo" in phrases.why(expected, PACK.threshold, PACK.margin)


def test_where_a_discount_decided_it_the_words_say_so():
    poor = replace(UNKNOWN, similarity=0.5, discount=0.2, margin=0.3)
    assert phrases.why(poor, PACK.threshold, PACK.margin) == (
        "Nearest is Grace Hopper: similar, but both pictures are too poor to tell"
    )
    inferred = replace(poor, decision=Decision.INFERRED)
    assert phrases.why(inferred, PACK.threshold, PACK.margin) == (
        "Too poor a picture to tell by itself; grouped with faces that are"
    )
    close = replace(poor, discount=0.1, margin=0.01)
    assert phrases.why(close, PACK.threshold, PACK.margin).startswith("Too close to call")
    below = replace(poor, similarity=0.3)
    assert "not similar enough" in phrases.why(below, PACK.threshold, PACK.margin)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (61.2, "1 min 1 s"),
        (3599.9, "1 h 0 min"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations(seconds: float, said: str):
    assert phrases.duration(seconds) == said


@pytest.mark.parametrize(
    ("probability", "said"), [(0.5, "50 %"), (0.999, "> 99 %"), (1.0, "> 99 %"), (0.001, "< 1 %")]
)
def test_probabilities_are_never_rounded_to_certainty(probability: float, said: str):
    assert phrases.percent(probability) == said


def test_the_remedy_for_an_empty_reference_is_to_copy_it_again() -> None:
    assert "copy the photo" in phrases.remedy(reference("unreadable", "empty file").report)
    assert "picture program" in phrases.remedy(reference("unreadable", "truncated").report)


def test_a_photo_is_described_by_its_names_and_its_unknown_faces() -> None:
    assert phrases.picture(PHOTO) == "trip/day 1.jpg, 3 faces: Ada Lovelace, 1 not recognised"


def test_numbers_have_separators_and_a_true_minus_sign() -> None:
    assert counted(31_000, "photo") == "31,000 photos"
    assert counted(1, "person", "people") == "1 person"
    assert phrases.score(-0.126) == "\N{MINUS SIGN}0.13"


def test_a_midnight_is_told_as_a_date() -> None:
    assert phrases.moment(datetime(2019, 7, 4)) == "4 July 2019"
    assert phrases.moment(datetime(2019, 7, 4, 0, 0, 1)) == "4 July 2019, 00:00"
    assert phrases.moment(datetime(1839, 8, 19, 9, 5)) == "19 August 1839, 09:05"


def test_two_numbers_that_read_alike_get_a_third_digit() -> None:
    assert phrases.score(0.359, 0.36) == "0.359"
    assert phrases.score(0.36, 0.359) == "0.360"
    assert phrases.score(0.36, 0.36) == "0.36"
    assert phrases.score(0.31, 0.36) == "0.31"


def test_a_face_that_a_person_named_says_who_and_when() -> None:
    at = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
    mine, hers = Answer(what="name", at=at), Answer(what="name", at=at, by="Mary")
    assert phrases.named_by_whom(mine) == "Named by you, 28 November 2026"
    assert phrases.named_by_whom(hers) == "Named by Mary, 28 November 2026"
    named = replace(MATCHED, evidence=NAMED_BY_PERSON)
    assert phrases.why(replace(named, said="Named by you"), 0.36, 0.04) == "Named by you"
    assert phrases.why(named, 0.36, 0.04) == "Named by a person"
