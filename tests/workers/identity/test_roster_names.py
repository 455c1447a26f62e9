from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.workers.identity.rolls import MARGIN, THRESHOLD, faces_of, search_of
from tests.workers.identity.test_candidates import expectations
from workers.identity.roster_names import RosterRule, name_expected, with_names
from workers.matching.calibration import evidence_at

PEOPLE = ("ada", "bob", "cy")
FMR = ((1e-2, 0.30), (1e-3, 0.36), (1e-4, 0.42))
RULE = RosterRule(
    partial(evidence_at, points=FMR, cosine_per_decade=0.06), 1e-3, THRESHOLD, MARGIN, (30.0, -11.0)
)

Cosines = dict[str, list[float]]


def named(
    cosines: Cosines,
    *expected: str,
    rejected: Any = (),
    spoken_for: Any = (),
    decisions: Any = None,
    photos: tuple[str, ...] = ("p",) * 2,
    discounts: Any = None,
) -> dict[str, str]:
    """Faces and the names that the roster gives them, where these people are expected in `p`."""
    cosines = {p: cosines.get(p, [0.0] * len(photos)) for p in PEOPLE}
    faces = faces_of(photos, cosines, PEOPLE, decisions, discounts)
    found = name_expected(
        faces,
        [expectations(*(("p", who) for who in expected))],
        search_of(faces, cosines, PEOPLE, rejected),
        RULE,
        references=np.ones(len(PEOPLE), np.int64),
        spoken_for=spoken_for,
    )
    return {f"f{one.row}": PEOPLE[one.person] for one in found}


def test_less_likeness_is_enough_for_somebody_who_is_expected() -> None:
    assert named({"ada": [0.42, 0.0]}, "ada") == {"f0": "ada"}
    assert named({"ada": [0.42, 0.0]}) == {}
    assert named({"ada": [0.42, 0.0]}, "bob") == {}


def test_a_poor_face_needs_a_higher_cosine() -> None:
    assert named({"ada": [0.42, 0.0]}, "ada", discounts=[0.02, 0.0]) == {"f0": "ada"}
    assert named({"ada": [0.42, 0.0]}, "ada", discounts=[0.05, 0.0]) == {}


def test_the_cut_keeps_the_chance_of_a_wrong_name_whatever_the_numbers_are() -> None:
    assert RULE.cut(1, 1) == pytest.approx(0.36)
    assert RULE.cut(2, 5) == pytest.approx(0.42)
    one_face = {"ada": [0.37]}
    assert named(one_face, "ada", photos=("p",)) == {"f0": "ada"}
    assert named({"ada": [0.37] + [0.0] * 9}, "ada", photos=("p",) * 10) == {}


def test_one_face_is_one_person_and_the_sum_of_likeness_is_the_most() -> None:
    cosines = {"ada": [0.45, 0.44], "bob": [0.42, 0.0]}
    assert named(cosines, "ada", "bob") == {"f0": "bob", "f1": "ada"}


def test_nobody_is_given_where_another_name_fits_nearly_as_well() -> None:
    assert named({"ada": [0.45, 0.0], "bob": [0.43, 0.0]}, "ada", "bob") == {}
    assert named({"ada": [0.45, 0.45], "bob": [0.43, 0.43]}, "ada", "bob") == {}


def test_a_face_that_is_like_somebody_who_is_not_expected_is_left_alone() -> None:
    assert named({"ada": [0.45, 0.0], "cy": [0.6, 0.0]}, "ada") == {}
    assert named({"ada": [0.45, 0.0], "cy": [0.49, 0.0]}, "ada") == {"f0": "ada"}


def test_what_people_said_stands() -> None:
    assert named({"ada": [0.45, 0.0]}, "ada", rejected={("f0", "ada")}) == {}
    assert named({"ada": [0.45, 0.0]}, "ada", spoken_for={"f0"}) == {}


def test_whoever_was_found_in_the_photo_is_not_looked_for_there() -> None:
    cosines = {"ada": [0.9, 0.45]}
    assert named(cosines, "ada", decisions={"f0": ("matched", "ada")}) == {}
    assert named(cosines, "ada", decisions={"f0": ("ignored", None)}) == {"f1": "ada"}


def test_probabilities_are_bayes_over_the_expected_people() -> None:
    one = RULE.probability(np.array([[0.45]], np.float32), 1)[0, 0]
    several = RULE.probability(np.array([[0.45]], np.float32), 5)[0, 0]
    rivals = RULE.probability(np.array([[0.45, 0.45]], np.float32), 1)[0]
    odds = np.exp(30 * 0.45 - 11)
    assert one == pytest.approx(odds / (1 + odds))  # the calibration itself
    assert several == pytest.approx(odds / 9 / (1 + odds / 9))
    assert rivals[0] == rivals[1] == pytest.approx(odds / (1 + 2 * odds))
    bare = RosterRule(RULE.evidence_at, 1e-3, THRESHOLD, MARGIN, None)
    assert np.isnan(bare.probability(np.zeros((1, 1), np.float32), 1)).all()


def test_the_named_faces_are_inferred_and_all_others_stay_as_they_were() -> None:
    cosines = {p: [0.4 * (p == "ada"), 0.1] for p in PEOPLE}
    faces = faces_of(("p", "p"), cosines, PEOPLE)
    [one] = name_expected(
        faces,
        [expectations(("p", "ada"))],
        search_of(faces, cosines, PEOPLE),
        RULE,
        references=np.ones(3, np.int64),
    )
    after = with_names(faces, [one], pa.array(PEOPLE), pa.array([p.title() for p in PEOPLE]))
    first, other = after.to_pylist()
    assert (first["decision"], first["person_id"], first["person"]) == ("inferred", "ada", "Ada")
    assert (first["evidence"], first["similarity"]) == (
        "expected here",
        faces["similarity"][0].as_py(),
    )
    assert first["probability"] == pytest.approx(one.probability)
    assert other == faces.to_pylist()[1]
    assert after.schema == faces.schema
