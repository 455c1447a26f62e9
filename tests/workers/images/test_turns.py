"""Quarter turns: their EXIF values, and photos that are turned after they were decoded."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.workers.pictures import scene, stored_turned
from workers.images.decode import Decoded, Picture, decode
from workers.images.turns import quarters_between, rotated, turned_further
from workers.models.base import Image as Pixels

ORIENTATIONS = range(1, 9)


def shown(stored: Pixels, orientation: int) -> Pixels:
    """Stored pixels as Pillow shows them with this EXIF value."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(stored).save(file, "PNG", exif=exif)
    return np.asarray(ImageOps.exif_transpose(Image.open(file)))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_turn_composed_is_one_exif_value(orientation: int, quarters: int) -> None:
    stored = scene(30, 20)
    both = turned_further(orientation, quarters)
    twice = np.rot90(shown(stored, orientation), quarters)
    np.testing.assert_array_equal(shown(stored, both), twice)
    np.testing.assert_array_equal(rotated(shown(stored, orientation), quarters), twice)
    assert quarters_between(orientation, both) == quarters


@pytest.mark.parametrize(("before", "after"), [(1, 0), (6, 0), (1, 2), (5, 8)])
def test_no_turn_leads_to_a_mirrored_or_unknown_orientation(before: int, after: int) -> None:
    assert quarters_between(before, after) == 0


def decoded(orientation: int, least: int = 0) -> Decoded:
    data = stored_turned(scene(160, 120), orientation)
    return decode(data, max_pixels=10**6, min_long_side=least)


@pytest.mark.parametrize("stored", ORIENTATIONS)
@pytest.mark.parametrize("orientation", [1, 6, 5])
def test_a_photo_is_drawn_as_it_lay_when_it_was_searched(orientation: int, stored: int) -> None:
    own = decoded(orientation)
    drawn = own.turned_as(stored)
    mirrored = (stored in (2, 4, 5, 7)) != (orientation in (2, 4, 5, 7))
    assert drawn.orientation == (orientation if mirrored else stored)
    assert (drawn.height, drawn.width) == drawn.image.shape[:2]
    assert own.turned_as(0) is own


def test_a_picture_that_was_turned_stays_so_whatever_is_decoded_next() -> None:
    picture = Picture(stored_turned(scene(1600, 1200), 6), max_pixels=10**7, whole_up_to=0)
    small = picture.at_least(400).image
    picture.turn(1)
    np.testing.assert_array_equal(picture.at_least(400).image, np.rot90(small, 1))
    picture.turn(1)
    whole = picture.at_least(10_000)
    assert (whole.width, whole.height, whole.orientation) == (1600, 1200, 8)
    straight = decoded(6).turned(2)
    assert whole.image[:80, :80].mean() == pytest.approx(straight.image[:8, :8].mean(), abs=3)
