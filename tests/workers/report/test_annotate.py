"""Drawing: colours, labels, banner, crops, fonts; pure values, no files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headcount.contract.vocabulary import Box, Decision
from workers.report.annotate import Pen, annotate, crop, outline, preview
from workers.report.labels import Rect
from workers.report.palette import ALERT, RGB, TONES
from workers.report.view import ShownFace

GREY = 90


def shown(
    box: Box,
    decision: Decision = Decision.MATCHED,
    person: str | None = "Ada Lovelace",
    similarity: float | None = 0.71,
    cluster_id: str | None = None,
) -> ShownFace:
    named = decision in (Decision.MATCHED, Decision.INFERRED)
    return ShownFace(
        face_id="f1",
        box=box,
        decision=decision,
        quality=0.8,
        person=person if named else None,
        nearest=person,
        similarity=similarity,
        cluster_id=cluster_id,
        tag=(cluster_id or "")[:4],
    )


def blank(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def pixel(image: np.ndarray, x: float, y: float) -> RGB:
    red, green, blue = (int(value) for value in image[int(y), int(x)])
    return red, green, blue


@pytest.mark.parametrize("decision", list(Decision))
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_each_side_of_a_box_has_the_colour_of_its_decision(decision: Decision, scale: float):
    face = shown(Box(200 / scale, 150 / scale, 160 / scale, 180 / scale), decision)
    drawn = annotate(blank(800, 600), [face], (), scale=scale)
    colour = TONES[decision].fill
    assert pixel(drawn, 200, 240) == colour
    assert pixel(drawn, 359, 240) == colour
    assert pixel(drawn, 280, 150) == colour
    assert pixel(drawn, 280, 329) == colour
    assert pixel(drawn, 280, 240) == (GREY, GREY, GREY)  # the face itself stays visible


def test_unknown_is_drawn_thicker_than_matched_and_ignored_thinner():
    def inked(decision: Decision) -> int:
        drawn = annotate(blank(1200, 900), [shown(Box(400, 300, 200, 240), decision)], (), scale=1)
        row = drawn[420, 340:500].astype(int)
        return int((row == TONES[decision].fill).all(axis=1).sum())

    assert inked(Decision.UNKNOWN) > inked(Decision.MATCHED) > inked(Decision.IGNORED) >= 1


def test_inferred_is_dashed_and_matched_is_not():
    def gaps(decision: Decision) -> int:
        drawn = annotate(blank(800, 600), [shown(Box(200, 150, 200, 200), decision)], (), scale=1)
        side = (drawn[150:350, 200].astype(int) == TONES[decision].fill).all(axis=1)
        return int((~side).sum())

    assert gaps(Decision.MATCHED) == 0
    assert gaps(Decision.INFERRED) > 40


def test_the_image_given_is_left_alone_and_may_be_read_only():
    image = blank(300, 200)
    image.flags.writeable = False
    drawn = annotate(image, [shown(Box(50, 50, 60, 60))], ["Grace"], scale=1.0)
    assert (image == GREY).all()
    assert drawn.flags.writeable


def test_somebody_missing_gets_a_red_banner_below_the_photo_which_hides_nothing():
    faces = [shown(Box(100, 320, 60, 75))]
    plain = annotate(blank(640, 400), faces, (), scale=1.0)
    drawn = annotate(blank(640, 400), faces, ["Grace Hopper"], scale=1.0)
    assert plain.shape == (400, 640, 3)
    assert drawn.shape[0] > 400
    assert (drawn[:400] == plain).all()
    assert pixel(drawn, 638, drawn.shape[0] - 2) == ALERT.fill
    assert (drawn[400:] == ALERT.ink).all(axis=2).any()  # there is type on it


def test_a_long_list_of_missing_people_does_not_swamp_the_photo():
    drawn = annotate(blank(640, 400), [], [f"Person number {n}" for n in range(300)], scale=1.0)
    assert 400 < drawn.shape[0] < 560


@pytest.mark.parametrize(("width", "height"), [(40, 40), (1, 1), (300, 12), (12, 300)])
def test_tiny_images_are_drawn_on_too(width: int, height: int):
    faces = [shown(Box(-5, -5, width + 10, height + 10)), shown(Box(5, 5, 20, 20))]
    drawn = annotate(blank(width, height), faces, ["Grace"], scale=1.0)
    assert drawn.shape[1] == width
    assert drawn.shape[0] >= height


def test_type_and_lines_grow_with_the_image():
    small, large = (
        Pen.of(Rect(0, 0, side, side * 2 // 3), [Rect(0, 0, side // 10, side // 10)])
        for side in (300, 6000)
    )
    assert small.text >= 10
    assert small.line >= 2
    assert large.text >= 8 * small.text
    assert large.line >= 5 * small.line


def test_a_huge_image_is_drawn_on():
    drawn = annotate(blank(6000, 4000), [shown(Box(3000, 2000, 600, 700))], ["Grace"], scale=1.0)
    assert pixel(drawn, 3000, 2350) == TONES[Decision.MATCHED].fill


@pytest.mark.parametrize(
    "name", ["Zoë Ångström", "Łukasz Đặng", "Лев Толстой", "李明", "عمر", "🙂"]
)
def test_names_in_any_script_leave_ink(name: str):
    drawn = annotate(blank(640, 400), [shown(Box(300, 200, 80, 90), person=name)], (), scale=1.0)
    ink = (drawn == TONES[Decision.MATCHED].ink).all(axis=2)
    assert ink.sum() > 20


def decoded(data: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "JPEG"
    return np.array(picture)


def test_a_crop_is_a_square_around_the_face():
    image = blank(400, 300)
    image[100:160, 200:260] = 255
    cut = decoded(crop(image, Box(200, 100, 60, 60)))
    assert cut.shape == (96, 96, 3)
    assert cut[48, 48].min() > 240
    assert cut[3, 3].max() < 110  # surroundings on every side
    assert cut[92, 92].max() < 110


@pytest.mark.parametrize("box", [Box(-9, -9, 50, 50), Box(380, 290, 90, 90), Box(0, 0, 400, 300)])
def test_a_crop_at_the_edge_stays_square_and_inside(box: Box):
    assert decoded(crop(blank(400, 300), box, size=64)).shape == (64, 64, 3)


def test_a_preview_is_made_smaller_and_never_larger():
    assert decoded(preview(blank(2000, 1000))).shape == (480, 960, 3)
    assert decoded(preview(blank(300, 200))).shape == (200, 300, 3)


def test_a_reference_is_outlined_in_green():
    drawn = outline(blank(400, 300), Box(200, 100, 100, 120), scale=0.5)
    assert drawn.shape == (300, 400, 3)
    assert pixel(drawn, 100, 80) == TONES[Decision.MATCHED].fill


def test_a_crop_with_two_faces_shows_which_one_is_meant() -> None:
    image = np.full((300, 400, 3), 200, np.uint8)
    mine, other = Box(100, 100, 80, 80), Box(165, 100, 80, 80)

    def brightness(crop_: bytes) -> tuple[float, float]:
        pixels = np.asarray(Image.open(io.BytesIO(crop_)).convert("L"), np.float64)
        return float(pixels[40:56, 40:56].mean()), float(pixels[30:66, 86:].mean())

    alone, beside = crop(image, mine), crop(image, mine, others=[other])
    assert brightness(alone) == pytest.approx((200, 200), abs=3)
    assert brightness(beside)[0] == pytest.approx(200, abs=3)
    assert brightness(beside)[1] < 110
    assert crop(image, mine, others=[Box(300, 100, 80, 80)]) == alone
