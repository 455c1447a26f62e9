import cv2
import numpy as np
import pytest

from tests.workers.pictures import noise, scene
from workers.images.align import (
    SIZE,
    TEMPLATE,
    WIDEST,
    crop_faces,
    rescaled,
    shares_outside,
    similarity_transform,
)
from workers.models.base import Floats


def moved(points: Floats, *, angle: float = 0.0, scale: float = 1.0, shift: Floats) -> Floats:
    """Points turned by ``angle`` (radians), scaled, then shifted."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (scale * points @ turn.T + shift).astype(np.float32)


def applied(matrix: Floats, points: Floats) -> Floats:
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_the_template_is_mapped_onto_itself() -> None:
    np.testing.assert_allclose(similarity_transform(TEMPLATE), np.eye(2, 3), atol=1e-4)


ARCFACE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
ARCFACE += [[41.5493, 92.3655], [70.7299, 92.2041]]
"""Where recognisers were trained to see eyes, nose and corners of the mouth: insightface."""


def test_eyes_nose_and_mouth_lie_where_recognisers_were_trained_to_see_them() -> None:
    face = moved(np.float32(ARCFACE), angle=0.3, scale=1.7, shift=np.array([90.0, 40.0]))
    y, x = np.mgrid[:300, :300]
    for place, point in zip(ARCFACE, face, strict=True):
        away = (x - point[0]) ** 2 + (y - point[1]) ** 2
        dot = (255 * np.exp(-away / 18)).astype(np.uint8)
        crop = crop_faces(np.stack([dot] * 3, -1), face[None])[0, :, :, 0].astype(float)
        rows, columns = np.mgrid[:SIZE, :SIZE]
        seen = [(crop * columns).sum() / crop.sum(), (crop * rows).sum() / crop.sum()]
        np.testing.assert_allclose(seen, place, atol=0.2)


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 2, -2.5, np.pi])
@pytest.mark.parametrize("scale", [0.1, 1.0, 14.0])
def test_turned_scaled_and_shifted_faces_land_on_the_template(angle: float, scale: float) -> None:
    face = moved(TEMPLATE, angle=angle, scale=scale, shift=np.array([900.0, -40.0]))
    np.testing.assert_allclose(applied(similarity_transform(face), face), TEMPLATE, atol=0.02)


def test_a_mirrored_face_is_never_mirrored_back() -> None:
    mirrored = TEMPLATE * np.float32([-1, 1])
    assert np.linalg.det(similarity_transform(mirrored)[:, :2]) > 0


def test_no_other_similarity_fits_better() -> None:
    random = np.random.default_rng(3)
    face = moved(TEMPLATE, angle=0.4, scale=2, shift=np.array([50.0, 60.0]))
    face += random.normal(0, 6, face.shape).astype(np.float32)
    best = similarity_transform(face)
    error = ((applied(best, face) - TEMPLATE) ** 2).sum()
    for _ in range(100):
        a, b, x, y = random.normal(0, 0.01, 4)
        change = np.array([[a, -b, 100 * x], [b, a, 100 * y]])
        assert ((applied(best + change, face) - TEMPLATE) ** 2).sum() >= error - 1e-3


def test_landmarks_in_one_point_give_a_finite_transform() -> None:
    assert np.isfinite(similarity_transform(np.full((5, 2), 7, np.float32))).all()


def test_no_faces_give_no_crops() -> None:
    crops = crop_faces(scene(50, 50), np.zeros((0, 5, 2), np.float32))
    assert (crops.shape, crops.dtype) == ((0, SIZE, SIZE, 3), np.uint8)


def test_a_face_that_lies_on_the_template_is_cut_as_it_is() -> None:
    image = noise(300, 200)
    crop = crop_faces(image, (TEMPLATE + np.float32([100, 50]))[None])[0]
    difference = np.abs(crop.astype(int) - image[50 : 50 + SIZE, 100 : 100 + SIZE])
    assert np.median(difference) <= 1


def test_outside_the_image_is_black() -> None:
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    crop = crop_faces(white, (TEMPLATE + np.float32([SIZE / 2, 0]))[None])[0]
    assert (crop[:, : SIZE // 2 - 2] == 255).all()
    assert (crop[:, SIZE // 2 + 2 :] == 0).all()


@pytest.mark.parametrize("wide", [True, False], ids=["wide", "high"])
def test_faces_of_a_panorama_are_cut_as_those_of_any_photo(wide: bool) -> None:
    patch, place = scene(300, 300), WIDEST + 500
    panorama = np.zeros((300, WIDEST + 1000, 3), np.uint8)
    panorama[:, place : place + 300] = patch
    shift = np.float32([place, 0]) if wide else np.float32([0, place])
    if not wide:
        panorama = np.zeros((WIDEST + 1000, 300, 3), np.uint8)
        panorama[place : place + 300] = patch
    face = moved(TEMPLATE, angle=0.2, scale=1.3, shift=np.array([90.0, 60.0]))
    expected = crop_faces(patch, face[None]).astype(int)
    difference = np.abs(crop_faces(panorama, (face + shift)[None]) - expected)
    assert difference.mean() < 1


def test_a_face_beside_a_panorama_is_black() -> None:
    panorama = np.full((40, WIDEST + 10, 3), 255, np.uint8)
    for shift in ([-9000, 0], [WIDEST + 5000, 0], [100, 9000], [100, -9000]):
        crop = crop_faces(panorama, (TEMPLATE + np.float32(shift))[None])
        assert crop.max() == 0


def test_a_large_face_gives_the_crop_that_it_gives_at_half_the_size() -> None:
    image = cv2.GaussianBlur(scene(800, 600), (0, 0), 3)
    half = np.asarray(cv2.resize(image, (400, 300), interpolation=cv2.INTER_AREA), np.uint8)
    face = moved(TEMPLATE, angle=0.3, scale=4.5, shift=np.array([150.0, 60.0]))
    whole = crop_faces(image, face[None])[0].astype(int)
    other = crop_faces(half, rescaled(face, 0.5)[None])[0].astype(int)
    assert np.abs(whole - other).mean() < 0.2


def test_points_are_rescaled_about_the_edge_of_the_image_not_the_first_pixels_middle() -> None:
    assert rescaled(np.float32([[-0.5, -0.5], [0.5, 7.5]]), 2).tolist() == [
        [-0.5, -0.5],
        [1.5, 15.5],
    ]


@pytest.mark.insightface
def test_crops_of_faces_up_to_twice_its_size_are_those_of_insightface() -> None:
    norm_crop = pytest.importorskip("insightface.utils.face_align").norm_crop
    image, random = scene(400, 300), np.random.default_rng(2)
    for _ in range(20):
        shift = random.uniform(0, 250, 2)
        face = moved(TEMPLATE, angle=random.normal(), scale=random.uniform(0.3, 1.8), shift=shift)
        face += random.normal(0, 3, face.shape).astype(np.float32)
        ours = crop_faces(image, face[None])[0].astype(int)
        assert np.abs(ours - norm_crop(image, face)).mean() < 0.1


def test_the_share_of_a_crop_outside_the_photo_is_the_black_of_it() -> None:
    image = np.full((112, 112, 3), 255, np.uint8)
    shifts = np.array([(0, 0), (28, 0), (0, -56), (500, 0)])
    marks = TEMPLATE + shifts[:, None]
    shares = shares_outside(marks.astype(np.float32), 112, 112)
    assert shares == pytest.approx([0, 0.25, 0.5, 1], abs=1e-4)
    black = (crop_faces(image, marks.astype(np.float32)) == 0).mean(axis=(1, 2, 3))
    assert shares == pytest.approx(black, abs=0.01)
    assert shares_outside(marks[:0], 112, 112).shape == (0,)
    deep = moved(TEMPLATE, angle=0.7, scale=0.2, shift=np.array([19_000.0, 9_000.0]))
    assert shares_outside(deep[None], 20_000, 10_000) == pytest.approx([0], abs=1e-6)
