"""Evidence of pairs of faces: cosines, less what both pictures lack."""

import numpy as np

from workers.faces.evidence import evidence, evidence_of_pairs


def test_a_pair_loses_what_both_pictures_lack_and_nothing_where_one_is_good() -> None:
    cosines = np.full((2, 2), 0.6, np.float32)
    blurred, good = [0.5, 0.0], [0.0, 0.0]
    weak = np.array([blurred, good], np.float32)
    np.testing.assert_allclose(evidence(cosines, weak, weak), [[0.35, 0.6], [0.6, 0.6]])
    pairs = np.array([0.6, 0.6], np.float32)
    np.testing.assert_allclose(evidence_of_pairs(pairs, weak, weak), [0.35, 0.6])


def test_weaknesses_of_two_kinds_do_not_meet() -> None:
    blurred, cut = np.array([[0.5, 0]], np.float32), np.array([[0, 0.5]], np.float32)
    np.testing.assert_allclose(evidence(np.ones((1, 1), np.float32), blurred, cut), [[1.0]])
