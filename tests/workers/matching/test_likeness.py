import numpy as np
import pytest

from tests.workers.matching.test_match import gallery
from workers.matching.likeness import Likeness
from workers.matching.match import match


def test_cosines_are_those_of_matching_to_each_persons_best_reference_or_mean() -> None:
    random = np.random.default_rng(3)
    people = {f"p{n}": random.normal(size=(n % 3 + 1, 3)).tolist() for n in range(6)}
    held = gallery(people)
    held.embeddings[:] /= np.linalg.norm(held.embeddings, axis=1, keepdims=True)
    faces = random.normal(size=(9, 3)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    cosines = Likeness(faces, held).cosines(np.arange(9), np.arange(6))
    found = match(faces, held)
    np.testing.assert_array_equal(cosines.argmax(axis=1), found.person)
    np.testing.assert_allclose(cosines.max(axis=1), found.similarity, rtol=1e-5)
    some = Likeness(faces, held).cosines(np.array([7, 2]), np.array([5, 0]))
    np.testing.assert_allclose(some, cosines[np.ix_([7, 2], [5, 0])], rtol=1e-5)
    assert some.shape == (2, 2)


@pytest.mark.parametrize("tile", [1, 2, 7, 100])
def test_the_nearest_reference_is_that_persons_best_also_where_the_mean_is_nearer(
    tile: int,
) -> None:
    people = {"Ben": [[0.0, 0.0, 1.0]], "Ada": [[1.0, 0.5, 0.0], [1.0, -0.4, 0.0]]}
    found = match(np.array([[1.0, 0, 0], [0, 0, 1]], np.float32), gallery(people), tile=tile)
    assert found.reference.tolist() == [1, 0]
