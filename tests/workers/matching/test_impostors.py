import numpy as np
import pytest

from workers.faces.evidence import evidence, no_weaknesses
from workers.matching.impostors import FaceSample, genuine_pairs, impostor_pairs, references
from workers.tables.columns import NONE

WIDTH = 64


def faces(count: int, *, of_one: float = 0.0, seed: int = 1) -> np.ndarray:
    """Embeddings that share so much of one direction: their mean cosine."""
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH)) / WIDTH**0.5
    rows[:, 0] += (of_one / (1 - of_one)) ** 0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def sample(rows: np.ndarray, group: np.ndarray, weak: np.ndarray | None = None) -> FaceSample:
    """A sample of faces without a label."""
    lacking = no_weaknesses(len(rows)) if weak is None else weak
    return FaceSample(rows, lacking, group, np.full((2, len(rows)), NONE))


def test_a_crowd_whose_faces_are_alike_does_not_decide_what_impostors_are_like() -> None:
    crowd, others = faces(60, of_one=0.6), faces(200, seed=2)
    group = np.append(np.zeros(60), np.arange(1, 201)).astype(np.int64)
    found = impostor_pairs(sample(np.concatenate([crowd, others]), group))
    without = impostor_pairs(sample(others, group[60:] - 1))
    assert found.tail(1e-3) == pytest.approx(without.tail(1e-3), abs=0.02)
    of_crowd = (found.one == 0) & (found.other == 7)
    assert of_crowd.sum() == 60
    assert found.weight[of_crowd].sum() == pytest.approx(1), "as much as one face of a photo"


def test_pairs_of_one_photo_one_name_one_cluster_or_one_content_are_no_impostors() -> None:
    rows = faces(6)
    rows[5] = rows[4]
    group = np.array([0, 0, 1, 2, 3, 4])
    labels = np.array([[7, NONE, 7, NONE, NONE, NONE], [NONE, 9, NONE, 9, NONE, NONE]])
    found = impostor_pairs(FaceSample(rows, no_weaknesses(6), group, labels))
    pairs = sorted(zip(found.one.tolist(), found.other.tolist(), strict=True))
    assert len(pairs) == 15 - 1 - 1 - 1 - 1, "one of a photo, a name, a cluster, a content each"
    assert pairs.count((0, 1)) == pairs.count((0, 2)) == 1
    assert (3, 4) not in pairs


def test_two_names_of_one_content_are_not_compared() -> None:
    rows = faces(4)
    rows[2] = rows[0]
    found = impostor_pairs(references(rows, no_weaknesses(4), np.array([0, 0, 1, 2])))
    pairs = set(zip(found.one.tolist(), found.other.tolist(), strict=True))
    assert pairs == {(0, 2), (1, 2)}


def test_the_fewer_photos_the_less_sure_is_a_cosine() -> None:
    def width(count: int) -> float:
        found = impostor_pairs(sample(faces(count), np.arange(count)))
        low, high = found.interval(1e-2)
        assert low <= found.tail(1e-2) <= high
        return high - low

    assert 0 < width(400) < width(25)


def test_pairs_are_measured_by_evidence_and_the_same_picture_is_known_by_its_cosine() -> None:
    rows, weak = faces(5), np.array([[0.6, 0], [0.5, 0], [0, 0], [0, 0.4], [0.9, 0]], np.float32)
    rows[4] = rows[0]
    found = impostor_pairs(sample(rows, np.arange(5), weak))
    expected = evidence(rows @ rows.T, weak, weak)
    assert len(found) == 9, "all but that of the two that are one picture"
    for value, one, other in zip(found.evidence, found.one, found.other, strict=True):
        assert value == pytest.approx(expected[one, other], abs=1e-6)
    assert (np.diff(found.evidence) <= 0).all()
    genuine = genuine_pairs(sample(rows, np.array([0, 0, 1, 1, 0]), weak))
    wanted = [expected[0, 1], expected[1, 4], expected[2, 3]]
    assert sorted(genuine.tolist()) == pytest.approx(sorted(wanted), abs=1e-6)
