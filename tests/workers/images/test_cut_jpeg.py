import io

import numpy as np
import pytest
from PIL import Image as Pillow

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers.pictures import encoded, jpeg, noise, scene, stored_turned
from workers.images import decode as decode_module
from workers.images.cut_jpeg import MOST_MISSING, NEUTRAL
from workers.images.decode import Decoded, decode
from workers.images.jpeg import decode_jpeg, decode_leniently
from workers.models.base import Image

WIDTH, HEIGHT = 203, 397
KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "halved": {"subsampling": 1},
    "quartered": {"subsampling": 2},
    "restarts": {"subsampling": 2, "restart_marker_rows": 1},
    "many restarts": {"restart_marker_blocks": 1},
}


def textured() -> Image:
    """A scene with grain, so that no two rows of it are alike."""
    grain = noise(WIDTH, HEIGHT).astype(int) // 8
    return np.asarray(np.clip(scene(WIDTH, HEIGHT) + grain, 0, 255), np.uint8)


def decoded(data: bytes, min_long_side: int = 0) -> Decoded:
    return decode(data, max_pixels=10**6, min_long_side=min_long_side)


def refused(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decoded(data)
    assert caught.value.outcome is Outcome.UNREADABLE
    return caught.value.reason


def rows_missing(found: Decoded) -> int:
    assert found.note is not None
    return int(found.note.removeprefix("the last ").removesuffix(" rows are missing"))


def first_row_lost(whole: bytes, cut: bytes) -> int:
    """First row that libjpeg decodes to other pixels than the whole file's."""
    pixels, other = (decode_leniently(data, HEIGHT, 1, "RGB") for data in (whole, cut))
    assert pixels is not None
    assert other is not None
    return int(np.flatnonzero((pixels != other).any(axis=(1, 2)))[0])


def all_rows_are_there(data: bytes, whole: bytes) -> bool:
    found = decoded(data)
    return found.note is None and np.abs(found.image - decoded(whole).image.astype(int)).max() <= 2


@pytest.mark.parametrize("kind", [*KINDS, "progressive"])
@pytest.mark.parametrize(
    "end",
    [b"", b"\xff", b"\xff\xcf\0\x10" + bytes(range(200)), b"\xff\x01\xff\x02 rubbish", bytes(99)],
    ids=["none", "half of it", "another", "invalid", "zeros"],
)
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(kind: str, end: bytes) -> None:
    whole = jpeg(textured(), **KINDS.get(kind, {"progressive": True}))
    assert all_rows_are_there(whole[:-2] + end, whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [40, 100, 1000, 0.01, 0.03, 0.06])
def test_the_last_rows_may_be_missing(kind: str, lost: float) -> None:
    whole = jpeg(textured(), **KINDS[kind])
    cut = whole[: len(whole) - int(lost if lost >= 1 else lost * len(whole))]
    found = decoded(cut)
    kept = HEIGHT - rows_missing(found)
    assert first_row_lost(whole, cut) - 16 <= kept <= first_row_lost(whole, cut)
    assert np.abs(found.image[:kept] - decoded(whole).image[:kept].astype(int)).max() <= 2
    assert (found.image[kept:] == NEUTRAL).all()
    assert (found.width, found.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_more_than_a_tenth_of_its_rows_is_truncated(kind: str) -> None:
    whole = jpeg(textured(), **KINDS[kind])
    read = [share for share in range(1, 100) if share_is_read(whole, share)]
    assert read == list(range(1, max(read) + 1))  # up to a limit, and none beyond
    assert 4 <= max(read) <= 100 * MOST_MISSING + 2


def share_is_read(whole: bytes, percent: int) -> bool:
    try:
        found = decoded(whole[: len(whole) * (100 - percent) // 100])
    except PhotoError as error:
        assert error.reason == "truncated file"
        return False
    assert rows_missing(found) <= MOST_MISSING * HEIGHT
    return True


def test_an_end_marker_amid_the_data_hides_no_missing_rows() -> None:
    whole = jpeg(textured())
    late, early = (whole[: len(whole) * part // 100] + b"\xff\xd9" for part in (97, 50))
    assert 0 < rows_missing(decoded(late)) < 40
    assert refused(early) == "truncated file"


def test_an_invalid_marker_amid_the_data_is_named() -> None:
    whole = jpeg(textured())
    middle = len(whole) // 2
    assert refused(whole[:middle] + b"\xff\x42" + whole[middle:]) == "damaged: an invalid marker"


def test_after_an_invalid_marker_restarts_go_on() -> None:
    whole = jpeg(textured(), restart_marker_rows=1)
    middle = len(whole) // 2
    found = decoded(whole[:middle] + b"\xff\x42" + whole[middle:])
    assert found.note is None
    other = (found.image.astype(int) != decoded(whole).image).any(axis=(1, 2))
    assert other.sum() < 40


def test_a_progressive_jpeg_may_lack_detail() -> None:
    whole = jpeg(textured(), progressive=True)
    cuts = [whole[: len(whole) * percent // 100] for percent in (99, 90, 75)]
    notes = [str(decoded(cut).note) for cut in cuts]
    assert all(note.startswith("the file ends early: less detail in ") for note in notes)
    rows = [int(note.split()[-2]) if "last" in note else HEIGHT for note in notes]
    assert 0 < rows[0] < rows[1] < rows[2] <= HEIGHT
    kept = HEIGHT - rows[1]
    there, all_there = decoded(cuts[1]).image.astype(int), decoded(whole).image
    assert np.abs(there[:kept] - all_there[:kept]).max() <= 2
    assert np.abs(there - all_there).mean() < 3


@pytest.mark.parametrize("percent", [1, 10, 20, 30])
def test_a_progressive_jpeg_of_too_little_detail_is_truncated(percent: int) -> None:
    whole = jpeg(textured(), progressive=True)
    assert refused(whole[: len(whole) * percent // 100]) == "truncated file"


def test_rows_of_a_progressive_jpeg_without_detail_are_missing() -> None:
    whole = jpeg(textured(), progressive=True)
    starts = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    end = starts[6]  # of the scan that brings all but the last bit of brightness
    found = decoded(whole[: end - (end - starts[5]) // 25])
    assert 0 < rows_missing(found) <= MOST_MISSING * HEIGHT
    assert (found.image[-rows_missing(found) :] == NEUTRAL).all()


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_files_too(mode: str) -> None:
    whole = encoded(Pillow.fromarray(textured()).convert(mode), "JPEG", quality=95)
    assert all_rows_are_there(whole[:-2], whole)
    found = decoded(whole[: len(whole) * 97 // 100])
    kept = HEIGHT - rows_missing(found)
    assert kept < HEIGHT
    assert np.abs(found.image[: kept - 1].astype(int) - decoded(whole).image[: kept - 1]).max() <= 2
    assert (found.image[kept:] == NEUTRAL).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_rows_are_those_that_are_stored(orientation: int) -> None:
    whole = stored_turned(textured(), orientation)
    found = decoded(whole[: len(whole) * 97 // 100])
    rows = rows_missing(found)
    edge = {1: found.image[-rows:], 3: found.image[:rows]}
    edge |= {6: found.image[:, :rows], 8: found.image[:, -rows:]}
    assert (edge[orientation] == NEUTRAL).all()


@pytest.mark.parametrize("least", [0, 200, 100, 50])
def test_a_smaller_picture_lacks_the_same_rows(least: int) -> None:
    whole = jpeg(textured())
    cut = whole[: len(whole) * 97 // 100]
    found = decoded(cut, least)
    assert found.note == decoded(cut).note
    kept = (HEIGHT - rows_missing(found)) * len(found.image) // HEIGHT
    assert (found.image[kept:] == NEUTRAL).all()
    assert (found.image[: kept - 1] != NEUTRAL).any(axis=(1, 2)).all()


def test_a_whole_file_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_into(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(decode_module, "find_ending", looked_into)
    picture = Pillow.fromarray(textured())
    for mode in ("RGB", "L", "CMYK"):
        assert decoded(encoded(picture.convert(mode), "JPEG")).note is None
    phone = jpeg(picture) + bytes(1000)  # other data follow, as in a phone's file
    assert decoded(phone).note is None
    assert decode_jpeg(phone, WIDTH, HEIGHT, 1) is not None


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_other_formats_that_end_early_are_truncated_or_damaged(kind: str) -> None:
    whole = encoded(textured(), kind)
    assert refused(whole[: len(whole) * 97 // 100])


def test_pillows_global_settings_stay() -> None:
    from PIL import ImageFile

    decoded(jpeg(textured())[:-2])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with pytest.raises(OSError, match="truncated"):
        Pillow.open(io.BytesIO(encoded(textured(), "PNG")[:-9000])).load()
