import numpy as np
import pytest

from headcount.contract.record import now
from headcount.contract.stored.archive import CalibrationRecord, PackRecord
from workers.matching.calibration import (
    Calibration,
    evidence_at,
    logistic,
    search_threshold,
)
from workers.matching.impostors import ImpostorPairs

POINTS = ((1e-2, 0.30), (1e-3, 0.35), (1e-4, 0.40))


def scores(mean: float, deviation: float, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, deviation, count).astype(np.float32)


def alike(cosines: np.ndarray) -> ImpostorPairs:
    """Pairs of these cosines that weigh alike, each of two photos of its own."""
    each = np.arange(len(cosines), dtype=np.int32)
    return ImpostorPairs(np.sort(cosines)[::-1], np.ones(len(each)), 2 * each, 2 * each + 1)


def test_between_known_rates_the_cosine_is_interpolated_and_beyond_them_it_goes_on() -> None:
    assert evidence_at(1e-3, POINTS, 0.05) == pytest.approx(0.35)
    assert evidence_at(10**-2.5, POINTS, 0.05) == pytest.approx(0.325)
    assert evidence_at(1e-6, POINTS, 0.04) == pytest.approx(0.48)
    assert evidence_at(1e-1, POINTS, 0.04) == pytest.approx(0.26)


def test_the_threshold_of_a_search_grows_with_the_gallery_and_never_falls_below_the_packs() -> None:
    found = [
        search_threshold(0.41, POINTS, 0.05, references=size, false_positives=1e-3)
        for size in (0, 1, 10, 100, 10_000, 1_000_000)
    ]
    assert found[:3] == [0.41, 0.41, 0.41]
    assert found[3:] == pytest.approx([0.45, 0.55, 0.65])


def test_a_pack_nobody_measured_asks_for_more_in_a_large_gallery_too() -> None:
    small, large = (
        search_threshold(0.45, (), 0.05, references=size, false_positives=1e-3)
        for size in (100, 10_000)
    )
    assert small == 0.45
    assert large == pytest.approx(0.55)


@pytest.mark.parametrize("pairs", [2_000, 200_000])
def test_the_measured_rate_is_within_a_factor_of_two_of_the_target(pairs: int) -> None:
    threshold = alike(scores(0.08, 0.09, pairs, 1)).tail(1e-3)
    seen = (scores(0.08, 0.09, 1_000_000, 2) >= threshold).mean()
    assert 5e-4 < seen < 2e-3


def test_the_logistic_says_what_is_seen() -> None:
    genuine, impostor = scores(0.65, 0.1, 50_000, 3), scores(0.35, 0.1, 50_000, 4)
    slope, intercept = logistic(genuine, impostor)
    both = np.concatenate([genuine, impostor])
    said = 1 / (1 + np.exp(-(slope * both + intercept)))
    band = (said > 0.7) & (said < 0.8)
    assert (np.arange(len(both)) < len(genuine))[band].mean() == pytest.approx(0.75, abs=0.02)


def test_without_labels_the_packs_curve_moves_with_its_impostors() -> None:
    nobody = np.zeros(0, np.float32)
    found = Calibration(nobody, alike(scores(0.18, 0.09, 100_000, 5))).probability(
        (40.0, -14.0), ((1e-3, 0.358),), 0.05
    )
    assert found is not None
    assert found[0] == 40.0
    assert found[1] == pytest.approx(-14.0 - 40.0 * 0.1, abs=0.4)
    assert Calibration(nobody, alike(nobody)).tmr(0.5) is None


def test_a_smaller_rate_never_asks_for_a_lower_cosine_though_a_few_pairs_are_one_person() -> None:
    cosines = np.append(scores(0.05, 0.08, 500_000, 6), np.linspace(0.6, 0.8, 100))
    points = Calibration(np.zeros(0, np.float32), alike(cosines.astype(np.float32))).points()
    found = [cosine for _, cosine in points]
    assert found == sorted(found)
    assert found[2] > 0.6


def test_kept_figures_stand_in_for_those_of_the_pack_and_nothing_else() -> None:
    pack = PackRecord(
        **dict.fromkeys(("name", "pack_id", "digest", "detector", "detector_sha256"), "a"),
        **dict.fromkeys(("recogniser", "recogniser_sha256", "licence"), "b"),
        dimensions=3,
        threshold=0.45,
        margin=0.05,
        cluster_threshold=0.5,
    )
    kept = CalibrationRecord(
        made=now(), threshold=0.5, rate=1e-4, fmr=((1e-4, 0.5),), calibration=(30.0, -12.0)
    )
    applied = kept.applied(pack)
    changed = {k for k, v in applied.model_dump().items() if v != pack.model_dump()[k]}
    assert changed == {"threshold", "fmr", "calibration"}
