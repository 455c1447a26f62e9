import numpy as np
import pytest

from benchmarks.accuracy.identification import Draw, Found


def test_a_draw_enrols_half_of_those_with_more_photos_than_references() -> None:
    people = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5])
    drawn = Draw.of(people, 2, seed=0)
    assert drawn.rows.shape == (2, 2)
    assert set(drawn.enrolled) <= {0, 1, 2, 3}
    assert (people[drawn.rows] == drawn.enrolled[:, None]).all()
    assert len(drawn.probes) == len(people) - 4
    assert not set(drawn.probes) & set(drawn.rows.ravel())


def test_names_count_above_the_strangers_that_may_pass_if_they_are_right() -> None:
    scores = np.array([0.9, 0.5, 0.7, 0.95, 0.4, 0.3, 0.2], np.float32)
    nearest = np.array([0, 1, 0, 0, 1, 0, 1])
    true = np.array([0, 1, 1, 7, 8, 9, 7])
    found = Found(nearest, scores, true, true < 2)
    assert found.share(0.0) == 0, "the nearest stranger is above all"
    assert found.share(0.25) == pytest.approx(2 / 3), "one of three is named wrongly"
    assert found.named(scores > 0.6) == pytest.approx((1 / 3, 1 / 4))
