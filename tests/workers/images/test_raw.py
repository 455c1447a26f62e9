from typing import Any

import numpy as np
import pytest

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers import raws
from tests.workers.images.test_decode import distance
from tests.workers.pictures import encoded, jpeg, noise, scene, stored_turned, turned
from tests.workers.tiffs import BYTE, LINEAR_RAW, LONG, Page, tiff
from workers.images.decode import Decoded, decode
from workers.images.raw import MAX_SEGMENTS, find_preview, is_raw

MAKERS = [raws.cr2, raws.cr3, raws.nef, raws.arw, raws.dng, raws.orf, raws.rw2, raws.pef]


def decoded(data: bytes, min_long_side: int = 0) -> Decoded:
    return decode(data, max_pixels=50_000_000, min_long_side=min_long_side)


@pytest.mark.parametrize("maker", [*MAKERS, raws.raf])
def test_the_largest_preview_of_a_raw_file_is_its_picture(maker: object) -> None:
    small, large = jpeg(noise(16, 12)), jpeg(scene(120, 80))
    for pictures in ((small, large), (large, small)):
        result = decoded(maker(1, *pictures))
        assert (result.width, result.height) == (120, 80)
        assert distance(result.image, scene(120, 80)) < 3


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_preview_is_turned_as_its_raw_file_says(maker: object, orientation: int) -> None:
    upright = scene(120, 80)
    bare = jpeg(turned(upright, orientation))
    result = decoded(maker(orientation, bare))
    assert (result.width, result.height, result.orientation) == (120, 80, orientation)
    assert distance(result.image, upright) < 3


@pytest.mark.parametrize("maker", [raws.raf, raws.rw2])
def test_a_preview_that_says_itself_how_it_is_turned_is_turned_once(maker: object) -> None:
    result = decoded(maker(6, stored_turned(scene(120, 80), 6)))
    assert (result.width, result.height) == (120, 80)
    assert distance(result.image, scene(120, 80)) < 3


def test_a_preview_is_decoded_smaller_where_that_is_enough() -> None:
    result = decoded(raws.nef(1, jpeg(scene(1600, 1000))), 400)
    assert (result.image.shape, result.scale) == ((250, 400, 3), 0.25)


def test_sensor_data_is_no_preview() -> None:
    with pytest.raises(PhotoError, match="without a JPEG preview") as caught:
        decoded(raws.cr2(1))
    assert caught.value.outcome is Outcome.UNREADABLE


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG", "HEIF", "AVIF"])
def test_other_formats_are_no_raw_files(kind: str) -> None:
    assert not is_raw(encoded(scene(48, 48), kind))


@pytest.mark.parametrize("maker", [*MAKERS, raws.raf])
def test_a_raw_file_cut_or_damaged_anywhere_decodes_or_blames_the_photo(maker: object) -> None:
    data = maker(6, jpeg(noise(16, 12)), jpeg(noise(48, 32)))
    broken = [data[: len(data) * tenth // 10] for tenth in range(10)]
    broken += [
        data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        for place in np.random.default_rng(3).integers(0, 400, 40)
    ]
    for file in broken:
        try:
            decoded(file)
        except PhotoError as error:
            assert error.reason


def test_directories_that_point_at_each_other_end() -> None:
    loop = raws.tiff_like([raws.turned(1), (raws.SUB_IFDS, raws.LONG, (8,))])
    assert not is_raw(loop)


# -- what is no preview ---------------------------------------------------------------------------

VERSION = {50706: (BYTE, [1, 4, 0, 0])}
SENSOR = noise(40, 30)[..., :1]


def sensor(width: int, height: int, **layout: object) -> Page:
    """A page of a sensor's data that claims this size."""
    sizes = {256: (LONG, [width]), 257: (LONG, [height])}
    return Page(SENSOR, photometric=32803, more=sizes, **layout)


def preview_page(data: bytes, width: int, height: int) -> Page:
    """A page whose one strip is a JPEG."""
    values = np.frombuffer(data, np.uint8)[None, :, None]
    fields = {256: [width], 257: [height], 259: [7], 262: [6], 258: [8], 278: [height]}
    return Page(values, more={tag: (LONG, number) for tag, number in fields.items()})


def camera(*previews: tuple[int, int]) -> bytes:
    """A camera's DNG of 6000 x 4000 pixels with previews of these sizes."""
    below = [preview_page(jpeg(scene(*size)), *size) for size in previews]
    stamp = Page(scene(16, 12), more={254: (LONG, [1])} | VERSION)
    stamp.below = [sensor(6000, 4000), *below]
    return tiff(stamp)


def test_a_preview_that_is_a_stamp_is_no_photo() -> None:
    with pytest.raises(PhotoError) as caught:
        decoded(camera((256, 171)))
    assert caught.value.outcome is Outcome.UNREADABLE
    said = "a camera RAW file of 6000 x 4000 pixels whose only preview is a stamp of 256 x 171"
    assert caught.value.reason == said


@pytest.mark.parametrize("size", [(640, 427), (1024, 683)])
def test_a_preview_of_640_pixels_is_a_photo(size: tuple[int, int]) -> None:
    result = decoded(camera((256, 171), size))
    assert (result.width, result.height) == size
    assert distance(result.image, scene(*size)) < 3


def test_a_small_preview_of_a_small_sensor_is_a_photo() -> None:
    below = [sensor(600, 400), preview_page(jpeg(scene(320, 213)), 320, 213)]
    data = tiff(Page(scene(16, 12), more={254: (LONG, [1])} | VERSION, below=below))
    assert (decoded(data).width, decoded(data).height) == (320, 213)


def tiled(size: tuple[int, int], tiles: int, photometric: int) -> Page:
    """A page of so many tiles, each of them a JPEG."""
    parts = [np.frombuffer(jpeg(noise(*size, seed=n)), np.uint8) for n in range(tiles)]
    longest = max(map(len, parts))
    values = np.stack([np.pad(part, (0, longest - len(part))) for part in parts])[..., None]
    fields = {256: size[0] * tiles, 257: size[1], 259: 34892, 262: photometric, 258: 8}
    return Page(values, rows=1, more={tag: (LONG, [number]) for tag, number in fields.items()})


@pytest.mark.parametrize("photometric", [LINEAR_RAW, 32803, 6])
def test_a_tile_of_a_dng_is_no_photo(photometric: int) -> None:
    large = tiled((800, 600), 3, photometric)
    with pytest.raises(PhotoError) as caught:
        decoded(tiff(Page(scene(16, 12), more={254: (LONG, [1])} | VERSION, below=[large])))
    assert caught.value.outcome is Outcome.UNREADABLE
    below = [large, preview_page(jpeg(scene(700, 400)), 700, 400)]
    data = tiff(Page(scene(16, 12), more={254: (LONG, [1])} | VERSION, below=below))
    if photometric != 6:
        assert (decoded(data).width, decoded(data).height) == (700, 400)


def test_linear_colours_with_a_preview_are_that_preview() -> None:
    linear = Page(noise(1500, 1000).astype(np.uint16) * 257, LINEAR_RAW)
    preview = preview_page(jpeg(scene(750, 500)), 750, 500)
    data = tiff(Page(scene(16, 12), more={254: (LONG, [1])} | VERSION, below=[linear, preview]))
    assert distance(decoded(data).image, scene(750, 500)) < 3
    stamp = preview_page(jpeg(scene(120, 80)), 120, 80)
    data = tiff(Page(scene(16, 12), more={254: (LONG, [1])} | VERSION, below=[linear, stamp]))
    np.testing.assert_array_equal(decoded(data).image, noise(1500, 1000))


class Counted(bytes):
    """Bytes that count how often a part of them is read."""

    reads = 0

    def __getitem__(self, at: Any) -> Any:
        self.reads += 1
        return super().__getitem__(at)


def reads_of(starts: int, segments: int) -> int:
    """Parts read of a RAW file of so many JPEG starts, each with so many segments behind it."""
    data = Counted(raws.nef(1, *[b"\xff\xd8" + b"\xff\xe0\0\2" * segments] * starts))
    with pytest.raises(PhotoError) as caught:
        find_preview(data)
    assert caught.value.outcome is Outcome.UNREADABLE
    return data.reads


@pytest.mark.parametrize("segments", [0, 1, 60])
def test_the_search_of_a_file_full_of_jpeg_starts_ends(segments: int) -> None:
    few, twice = (reads_of(starts, segments) for starts in (200, 400))
    assert few < twice < 2.1 * few
    most = 2 * MAX_SEGMENTS // (segments + 1)
    assert reads_of(most, segments) <= reads_of(2 * most, segments) < 4 * MAX_SEGMENTS


def test_starts_whose_segments_lead_to_one_another_are_bounded_too() -> None:
    data = Counted(raws.nef(1, b"\xff\xd8\xff\xe0\0\4" * MAX_SEGMENTS))
    with pytest.raises(PhotoError, match="a RAW file of 65,536 JPEG segments"):
        find_preview(data)
    assert data.reads < 4 * MAX_SEGMENTS


def test_a_preview_behind_many_chance_starts_is_found() -> None:
    result = decoded(raws.nef(1, b"\xff\xd8\xff\0" * 10_000, jpeg(scene(120, 80))))
    assert (result.width, result.height) == (120, 80)
