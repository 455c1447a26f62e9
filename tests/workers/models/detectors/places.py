"""Comparisons of detections in tests."""

import numpy as np

from workers.models.base import Detections, Floats, Image

SIX_FRIENDS = 6
"""Faces of insightface's own sample."""


def require_sane(faces: Detections, image: Image) -> None:
    """Best first, and landmarks within their boxes, eyes above the mouth, left before right."""
    assert (np.diff(faces.scores) <= 0).all()
    low, high = faces.boxes[:, None, :2], (faces.boxes[:, :2] + faces.boxes[:, 2:])[:, None]
    assert ((faces.landmarks > low) & (faces.landmarks < high)).all()
    assert (faces.landmarks[:, 0, 0] < faces.landmarks[:, 1, 0]).all()
    assert (faces.landmarks[:, :2, 1].max(1) < faces.landmarks[:, 3:, 1].min(1)).all()
    assert (high[:, 0] <= np.array(image.shape[1::-1]) * 1.05).all()


def require_same_places(some: Floats, others: Floats, within: float) -> None:
    """Equal boxes but for ``within`` pixels, in any order."""
    assert some.shape == others.shape
    distances = np.abs(some[:, None] - others[None]).max(axis=2)
    assert distances.min(axis=1).max() < within
    assert sorted(distances.argmin(axis=1)) == list(range(len(others)))
