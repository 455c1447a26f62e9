import numpy as np
import pytest

from tests.workers.matching.test_match import gallery, made
from workers.matching import likeness
from workers.matching.likeness import Likeness
from workers.matching.match import match


def test_evidence_is_that_of_matching_for_each_persons_best_reference_or_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likeness, "PAIRS_AT_ONCE", 4)
    random = np.random.default_rng(3)
    held, faces = made(random, [n % 3 + 1 for n in range(6)]), made(random, [1] * 9)
    compared = Likeness(faces.embeddings, faces.weaknesses, held)
    found = match(faces.embeddings, held, faces.weaknesses)
    evidence = compared.evidence(np.arange(9), np.arange(6))
    np.testing.assert_array_equal(evidence.argmax(axis=1), found.person)
    np.testing.assert_allclose(evidence.max(axis=1), found.evidence, rtol=1e-5)
    some = compared.evidence(np.array([7, 2]), np.array([5, 0]))
    np.testing.assert_allclose(some, evidence[np.ix_([7, 2], [5, 0])], rtol=1e-5)
    cosines = compared.cosines(np.arange(9), found.person.astype(np.int64))
    np.testing.assert_allclose(cosines, found.similarity, rtol=1e-5)
    assert (found.discount > 0.01).any()


@pytest.mark.parametrize("tile", [1, 2, 7, 100])
def test_the_nearest_reference_is_that_persons_best_also_where_the_mean_is_nearer(
    tile: int,
) -> None:
    people = {"Ben": [[0.0, 0.0, 1.0]], "Ada": [[1.0, 0.5, 0.0], [1.0, -0.4, 0.0]]}
    found = match(np.array([[1.0, 0, 0], [0, 0, 1]], np.float32), gallery(people), tile=tile)
    assert found.reference.tolist() == [1, 0]
