"""Aligning faces by their five landmarks to the template that recognisers were trained on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.models.base import Floats, Image

SIZE = 112
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
"""ArcFace's template in a crop of 112 pixels (insightface, utils/face_align.py)."""
WIDEST = 1 << 15
"""Width or height from which OpenCV 4 refuses to warp an image: panoramas have it."""


def similarity_transform(landmarks: Floats) -> NDArray[np.float64]:
    """The 2 x 3 matrix that best maps 5 x 2 landmarks to the template.

    Least squares over rotation, uniform scale and translation:
    Umeyama 1991, https://doi.org/10.1109/34.88573.
    """
    source, target = landmarks.astype(np.float64), TEMPLATE.astype(np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_part, target_part = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(target_part.T @ source_part / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    spread = max(source_part.var(axis=0).sum(), 1e-12)
    scale = float((singular * signs).sum() / spread)
    linear = scale * (u * signs) @ vt
    return np.hstack([linear, (target_mean - linear @ source_mean)[:, None]])


def crop_faces(image: Image, landmarks: Floats) -> Image:
    """Cut aligned crops of faces by their landmarks (N x 5 x 2, pixels): N x 112 x 112 x 3.

    Bilinear, black outside the image, as insightface's norm_crop. A face of more than twice the
    crop's size is halved first, by area averaging, as often as needed: sampling it directly
    would alias, and a photo decoded at a smaller scale would give another embedding.
    """
    crops = np.empty((len(landmarks), SIZE, SIZE, 3), np.uint8)
    for crop, points in zip(crops, landmarks, strict=True):
        crop[:] = _crop(image, similarity_transform(points))
    return crops


def shares_outside(landmarks: Floats, width: int, height: int) -> Floats:
    """Shares, in 0..1, of N faces' aligned crops that lie outside their photo: they are black.

    ``landmarks`` are N x 5 x 2 in pixels of the photo of ``width`` x ``height``.
    """
    shares = [_share_outside(similarity_transform(points), width, height) for points in landmarks]
    return np.array(shares, np.float32)


def _share_outside(transform: NDArray[np.float64], width: int, height: int) -> float:
    corners = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]]) - 0.5
    crop = (corners - transform[:, 2]) @ np.linalg.pinv(transform[:, :2]).T
    centre, reach = crop.mean(axis=0), np.ptp(crop)  # small numbers: OpenCV reckons in fp32
    left, top = np.maximum(-0.5 - centre, -reach)
    right, bottom = np.minimum(np.array([width, height]) - 0.5 - centre, reach)
    photo = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    crop = (crop - centre).astype(np.float32)
    area = cv2.contourArea(crop)
    if not area or left >= right or top >= bottom:
        return 1.0
    return float(np.clip(1 - cv2.intersectConvexConvex(crop, photo)[0] / area, 0, 1))


def rescaled(points: Floats, factor: float | Floats) -> Floats:
    """Scale points (... x 2, pixels) of an image to the same image at ``factor``.

    Coordinates are those of pixel centres: the middle of the first pixel is 0, so the edge of
    the image is at -0.5 at every scale.
    """
    by = np.asarray(factor, np.float32)
    return np.asarray((points + np.float32(0.5)) * by - np.float32(0.5), np.float32)


def _crop(image: Image, transform: NDArray[np.float64]) -> Image:
    halvings = int(max(0.0, np.floor(-np.log2(max(_scale(transform), 1e-6)))))
    if halvings or max(image.shape[:2]) >= WIDEST:
        image, transform = _around(image, transform, 2**halvings)
    if halvings:
        image, transform = _halved(image, transform, 2**halvings)
    crop = cv2.warpAffine(image, transform, (SIZE, SIZE), borderValue=0.0)
    return np.asarray(crop, np.uint8)


def _scale(transform: NDArray[np.float64]) -> float:
    """Scale of a transform: pixels of the crop for one pixel of the image."""
    return float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))


def _halved(
    image: Image, transform: NDArray[np.float64], factor: int
) -> tuple[Image, NDArray[np.float64]]:
    """Shrink an image to 1 / ``factor``, a power of two; it, and the transform for it."""
    height, width = image.shape[:2]
    size = (max(1, width // factor), max(1, height // factor))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    # pixel centres: x of the image is (x of the small one + 0.5) * step - 0.5
    steps = np.array([width / size[0], height / size[1]])
    linear = transform[:, :2] * steps
    shift = transform[:, 2] + transform[:, :2] @ (steps / 2 - 0.5)
    return small, np.hstack([linear, shift[:, None]])


def _around(
    image: Image, transform: NDArray[np.float64], step: int
) -> tuple[Image, NDArray[np.float64]]:
    """Cut out the part of an image that a crop needs; it, and the transform for it.

    It starts and ends at multiples of ``step`` within the image: halving such a part is ten times
    as fast, and gives the pixels of a JPEG decoded at a smaller scale.
    """
    linear, shift = transform[:, :2], transform[:, 2]
    corners = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]]) - shift
    seen = corners @ np.linalg.pinv(linear).T
    limit = np.array([image.shape[1], image.shape[0]]) - 1
    left, top = np.clip(np.floor(seen.min(axis=0)) - 2, 0, limit).astype(int) // step * step
    last = np.clip(np.ceil(seen.max(axis=0)) + 2, 0, limit).astype(int)
    right, bottom = (last // step + 1) * step
    moved = shift + linear @ np.array([left, top])
    return image[top:bottom, left:right], np.hstack([linear, moved[:, None]])
