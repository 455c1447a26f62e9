import numpy as np
import pytest

from workers.tables import embeddings
from workers.tables.embeddings import PART, Embeddings


def test_stored_descriptors_are_read_in_their_order_with_length_one() -> None:
    stored = np.array([[3, 4], [0, 2], [0, 0]], np.float16)
    found = Embeddings(stored, np.array([2, 0, 1]))
    assert len(found) == 3
    np.testing.assert_allclose(found[1:], [[0.6, 0.8], [0, 1]], rtol=1e-6)
    assert found[np.array([0, 2])].tolist() == [[0, 0], [0, 1]]


def test_some_rows_of_them_are_descriptors_too() -> None:
    found = Embeddings(np.eye(4, dtype=np.float16), np.array([3, 1, 0, 2]))
    some = found.at(np.array([1, 3]))
    assert len(some) == 2
    np.testing.assert_array_equal(some[:], found[np.array([1, 3])])


def test_many_are_read_as_they_are_read_one_by_one() -> None:
    stored = np.random.default_rng(1).normal(size=(PART + 3, 5)).astype(np.float16)
    found = Embeddings(stored, np.arange(len(stored))[::-1])
    each = np.concatenate([found[n : n + 1] for n in range(len(found))])
    np.testing.assert_array_equal(found[:], each)
    assert found[:].dtype == np.float32


def test_vectors_are_embeddings_and_weaknesses_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embeddings, "PART", 2)
    rows = Embeddings.as_stored(np.eye(5, dtype=np.float16))
    weak = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.testing.assert_array_equal(embeddings.vectors_of(rows, weak), np.hstack([np.eye(5), weak]))
