"""Crowds are merged in blocks: the same faces, in memory that grows with them."""

import tracemalloc

import numpy as np
import pytest

from tests.workers.faces.test_detection import Blobs
from workers.faces import merging
from workers.faces.merging import Found, Pass, merge
from workers.models.base import Detections


def seen(count: int, across: int, seed: int, side: float = 20) -> Detections:
    """Detections of a sheet of faces, ``across`` in a row, each a little off its place."""
    random = np.random.default_rng(seed)
    rows, columns = np.divmod(np.arange(count), across)
    corners = np.stack([columns, rows], axis=1) * 24.0 + random.normal(0, 1, (count, 2))
    boxes = np.concatenate([corners, side + random.normal(0, 1, (count, 2))], axis=1)
    points = boxes[:, None, :2] + random.uniform(4, 16, (count, 5, 2))
    scores = random.uniform(0.4, 0.99, count)
    return Detections(*(part.astype(np.float32) for part in (boxes, points, scores)))


def merged(count: int, across: int) -> Found:
    passes = [Pass("640", seen(count, across, 1), 0.5), Pass("1448", seen(count, across, 2), 1.0)]
    large = seen(count // 50, across, 3, side=70)  # some that reach over several rows
    return merge([*passes, Pass("tiles", large, 2.0)], Blobs())


@pytest.mark.parametrize("pairs", [200_000, 20_000, 1])
def test_merged_in_blocks_faces_are_the_same(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = merged(500, 25)
    monkeypatch.setattr(merging, "PAIRS", pairs)
    blocks = merged(500, 25)
    assert 100 < len(whole) < 700
    assert blocks.passes == whole.passes
    assert np.array_equal(blocks.faces.boxes, whole.faces.boxes)
    assert np.array_equal(blocks.faces.scores, whole.faces.scores)
    np.testing.assert_allclose(blocks.faces.landmarks, whole.faces.landmarks, atol=1e-3)


def test_a_crowd_is_one_block() -> None:
    boxes = seen(1000, 40, 1).boxes
    assert len(list(merging._blocks(boxes, np.arange(1000)))) == 1


def test_a_sheet_of_very_many_faces_takes_little_memory() -> None:
    tracemalloc.start()
    found = merged(6000, 80)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) > 2000
    assert peak < 100 << 20  # in one piece: 2,000 MiB and more
