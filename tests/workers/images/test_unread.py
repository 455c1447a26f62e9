import struct

import pytest

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers.pictures import jpeg, noise
from workers.images.decode import decode

SIZE = struct.pack(">HH", 16, 16)


def reason(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(data, max_pixels=10**6, min_long_side=0)
    assert caught.value.outcome is Outcome.UNREADABLE
    return caught.value.reason


def framed(marker: int, depth: int) -> bytes:
    """An ordinary JPEG whose frame says that it is another process or depth."""
    data = jpeg(noise(16, 16))
    at = data.index(b"\xff\xc0")
    return (
        data[: at + 1] + bytes([marker]) + data[at + 2 : at + 4] + bytes([depth]) + data[at + 5 :]
    )


@pytest.mark.parametrize(
    ("marker", "depth", "kind"),
    [
        (0xC0, 12, "12-bit JPEG"),
        (0xC1, 12, "12-bit JPEG"),
        (0xC2, 12, "12-bit JPEG"),
        (0xC3, 16, "16-bit lossless JPEG"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xF7, 8, "JPEG-LS"),
    ],
)
def test_a_jpeg_that_no_decoder_reads_is_named(marker: int, depth: int, kind: str) -> None:
    assert reason(framed(marker, depth)) == f"{kind} is not supported"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"II\xbc\x01", "JPEG XR"),
        (b"8BPS\0\1", "Photoshop (PSD)"),
        (b"PF\n2 2\n-1.0\n", "colour PFM"),
        (b"P7\nWIDTH 2\n", "PAM"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"FOVb", "Sigma RAW (X3F)"),
        (b"\0\0\0\x18ftypmp42", "video (MP4)"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"II\x1a\0\0\0HEAPCCDR", "Canon RAW (CRW)"),
    ],
)
def test_another_kind_of_file_is_named(start: bytes, kind: str) -> None:
    assert reason(start + noise(16, 16).tobytes()) == f"{kind} is not supported"


def test_a_damaged_ordinary_jpeg_is_no_rare_kind() -> None:
    assert "supported" not in reason(jpeg(noise(64, 64))[:200])
