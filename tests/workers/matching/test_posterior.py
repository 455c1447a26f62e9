from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from workers.faces.evidence import Floats
from workers.matching.match import NOBODY, Matches
from workers.matching.posterior import (
    DEVIATION,
    GENUINE,
    LEAST_ENROLLED,
    SEVERAL,
    STRANGERS,
    Likeness,
    Odds,
    Pictures,
    nearest_is_right,
)

FMR = ((1e-2, 0.299), (1e-3, 0.365), (1e-4, 0.419), (1e-5, 0.466))
LOGISTIC = (34.24, -12.63)
KNOWN = Likeness.of(FMR, LOGISTIC)
assert KNOWN


def numbers(values: list[float], count: int = 0) -> Floats:
    return np.array(values * (count or 1), np.float32)


def found(evidence: Floats, runner_up: Floats) -> Matches:
    """Matches of the first person, with the second as runner-up where there is one."""
    first = np.where(np.isnan(evidence), NOBODY, 0).astype(np.int32)
    second = np.where(np.isnan(runner_up), NOBODY, 1).astype(np.int32)
    return Matches(first, evidence, second, runner_up, evidence, first)


def pictures(quality: float, count: int, lacking: float = 0.0) -> Pictures:
    return Pictures(numbers([quality], count), numbers([lacking], count))


def said(
    evidence: list[float],
    runner_up: float = 0.3,
    people: int = 100,
    references: int = 1,
    quality: float = 0.9,
) -> Floats:
    """Chances, by a run half of whose faces are of enrolled people."""
    count = len(evidence)
    matches = found(numbers(evidence), numbers([runner_up], count))
    odds = Odds.of(matches, pictures(quality, count), np.full(people, references), KNOWN)
    return odds.nearest_is_right(0.5).astype(np.float32)


@pytest.mark.parametrize("quality", [0.4, 0.6, 0.75, 0.95])
@pytest.mark.parametrize("slope", [10.0, 34.24, 80.0])
def test_more_evidence_is_never_less_probable(quality: float, slope: float) -> None:
    likeness = Likeness.of(FMR, (slope, -0.36 * slope))
    assert likeness
    rising = np.linspace(-0.5, 1, 300).astype(np.float32)
    for references in (1, 2, 10):
        count = np.full(300, references)
        ratios = likeness.log_ratio(rising, pictures(quality, 300), count)
        assert (np.diff(ratios) >= 0).all()
        assert ratios[-1] > ratios[0]


def test_a_sure_match_is_sure_and_a_stranger_is_nobody() -> None:
    low, middle, high = said([0.32, 0.43, 0.65])
    assert low < 0.05
    assert 0.2 < middle < 0.95
    assert high > 0.99


def test_the_larger_the_gallery_the_less_its_nearest_is_worth() -> None:
    chances = [said([0.43], people=people)[0] for people in (10, 100, 1000, 10_000)]
    assert (np.diff(chances) < -0.02).all()


def test_the_best_of_several_references_must_be_more_alike() -> None:
    assert said([0.43], references=5)[0] < said([0.43], references=1)[0] - 0.1
    assert said([0.65], references=5)[0] > 0.99


def test_a_runner_up_close_by_takes_half() -> None:
    assert said([0.6], runner_up=0.2)[0] > 0.99
    assert said([0.6], runner_up=0.595)[0] == pytest.approx(0.5, abs=0.1)


def test_a_poor_face_is_compared_with_poor_faces_of_one_person() -> None:
    assert said([0.38], quality=0.55)[0] > said([0.38], quality=0.95)[0] + 0.2


def test_a_poor_face_may_be_somebody_behind_the_runner_up() -> None:
    matches, people = found(numbers([0.31]), numbers([0.3])), np.full(100, 1)
    poor, good = (Odds.of(matches, pictures(q, 1), people, KNOWN) for q in (0.45, 0.95))
    assert poor.anybody - poor.nearest > 0.5
    assert good.anybody - good.nearest < 0.05


@pytest.mark.parametrize("lacking", [0.0, 0.5, 3.0])
def test_a_weak_face_is_less_like_strangers(lacking: float) -> None:
    shift = float(np.interp(lacking, *np.transpose(STRANGERS))) * KNOWN.deviation
    assert (shift < -0.02) == (lacking > 0), "a good picture is as like as strangers are"
    mean = (np.interp(0.6, *np.transpose(GENUINE)) - KNOWN.intercept) / KNOWN.slope
    strangers = NormalDist(KNOWN.mean + shift, KNOWN.deviation)
    genuine = NormalDist(mean, DEVIATION[0][1] / KNOWN.slope)
    expected = np.log(genuine.pdf(mean) / strangers.pdf(mean))
    found = KNOWN.log_ratio(numbers([float(mean)]), pictures(0.6, 1, lacking), np.full(1, 1))
    assert found == pytest.approx(expected, abs=1e-4)


def test_weaknesses_are_summed_in_roots_of_powers_of_ten() -> None:
    weak = np.array([[0.0, 0.0], [0.2, 0.3]], np.float32)
    of_two = Pictures.of(numbers([0.9, 0.5]), weak, 0.04)
    assert of_two.lacking.tolist() == pytest.approx([0.0, 2.5])
    assert of_two.at(np.array([1])).quality.tolist() == pytest.approx([0.5])


def test_strangers_are_as_alike_to_the_best_of_r_references_r_times_as_often() -> None:
    same = replace(KNOWN, spread=((1, 3.75), (4, 3.75)), genuine=((0.9, 11.25 - SEVERAL[1][1]),))
    alone = replace(KNOWN, spread=((1, 3.75),), genuine=((0.9, 11.25),))
    face, good = numbers([0.45]), pictures(0.9, 1)
    of_two = same.log_ratio(face, good, np.array([2]))
    of_one = alone.log_ratio(face, good, np.array([1]))
    assert of_one - of_two == pytest.approx(np.log(2), abs=1e-6)


def test_a_person_alone_in_the_gallery_has_no_rival() -> None:
    alone = found(numbers([0.6]), numbers([np.nan]))
    assert nearest_is_right(alone, pictures(0.9, 1), np.array([1]), KNOWN)[0] > 0.99


def test_nothing_is_said_of_unjudged_faces_nor_by_packs_without_figures() -> None:
    matches, nine = found(numbers([0.6, 0.7, np.nan]), numbers([0.2], 3)), np.full(9, 1)
    judged = np.array([True, False, True])
    chance = nearest_is_right(matches, pictures(0.9, 3), nine, KNOWN, judged)
    assert np.isnan(chance).tolist() == [False, True, True]
    assert np.isnan(nearest_is_right(matches, pictures(0.9, 3), nine, None)).all()
    assert Likeness.of(FMR, None) is None
    assert Likeness.of((), LOGISTIC) is None


def run_of(people: int, faces: int, enrolled: float, seed: int) -> tuple[Floats, Floats, Floats]:
    """Evidence and runner-up's of made-up faces, and 1 where the nearest person is right."""
    rng = np.random.default_rng(seed)
    slope, intercept = LOGISTIC
    genuine = NormalDist((11.25 - intercept) / slope, 4 / slope)
    known = rng.random(faces) < enrolled
    strangers = rng.normal(KNOWN.mean, KNOWN.deviation, (faces, people)).astype(np.float32)
    own = rng.normal(genuine.mean, genuine.stdev, faces)
    strangers[known, 0] = own[known]
    best = np.sort(strangers, axis=1)
    return best[:, -1], best[:, -2], (known & (strangers.argmax(axis=1) == 0)).astype(np.float32)


@pytest.mark.parametrize(("people", "enrolled"), [(60, 0.3), (300, 0.6)])
def test_of_made_up_faces_as_many_are_right_as_is_said(people: int, enrolled: float) -> None:
    evidence, second, right = run_of(people, 20_000, enrolled, seed=3)
    good = pictures(0.9, len(evidence))
    chance = nearest_is_right(found(evidence, second), good, np.full(people, 1), KNOWN)
    bins = np.minimum((chance * 5).astype(int), 4)
    for place in range(5):
        here = bins == place
        assert here.sum() > 20, "each bin has faces"
        spread = 4 * np.sqrt(0.25 / here.sum())
        assert abs(chance[here].mean() - right[here].mean()) < max(0.02, spread)
    assert (chance[right == 1] >= 0.9).mean() > 0.9


def test_the_share_of_enrolled_people_is_found_and_bounded() -> None:
    shares = []
    for enrolled in (0.0, 0.1, 0.6):
        evidence, second, _ = run_of(50, 5000, enrolled, seed=5)
        odds = Odds.of(found(evidence, second), pictures(0.9, 5000), np.full(50, 1), KNOWN)
        shares.append(odds.enrolled())
        turned = Odds(odds.nearest[::-1], odds.anybody[::-1])
        assert turned.enrolled() == odds.enrolled()
    assert shares[0] == LEAST_ENROLLED
    assert shares[1:] == pytest.approx([0.1, 0.6], abs=0.02)
