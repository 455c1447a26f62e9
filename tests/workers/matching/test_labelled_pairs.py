import numpy as np
import pytest

from workers.matching.labelled_pairs import labelled_pairs


def test_labelled_pairs_are_told_apart() -> None:
    rows = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)
    genuine, impostor = labelled_pairs(rows, np.array([0, 0, 1]))
    assert genuine.tolist() == pytest.approx([0.6])
    assert sorted(impostor.tolist()) == pytest.approx([0.0, 0.8])
