import json
from datetime import datetime

import pytest

from headcount.contract.taken import Taken
from tests.packets import mwg, packet
from tests.workers.dated import app1_xmp, app13, exif, iim, jpeg, saved, segment
from workers.images.metadata import Metadata, read_metadata

EXIF = exif(taken="2019:07:04 15:30:12", fraction="04", offset="+09:00")
TAKEN = Taken(datetime(2019, 7, 4, 15, 30, 12, 40_000), 540, "exif")


def test_a_photo_tells_when_it_was_taken_and_what_it_carries() -> None:
    found = read_metadata(
        jpeg(segment(0xE1, EXIF), app1_xmp(packet(mwg("Ann"))), app13(iim(keyword="Zoë")))
    )
    assert found.taken == TAKEN
    carried = json.loads(found.carried or "")
    assert [region["name"] for region in carried["regions"]] == ["Ann"]
    assert carried["keywords"] == {"iptc": ["Zoë"]}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_each_format_tells_when_it_was_taken(kind: str) -> None:
    if kind == "TIFF":
        tags = {36867: "2019:07:04 15:30:12", 37521: "04", 36881: "+09:00"}
        data = saved("TIFF", tiffinfo={34665: tags})
    else:
        data = saved(kind, exif=EXIF)
    assert read_metadata(data) == Metadata(TAKEN)


@pytest.mark.parametrize("data", [b"", b"no photo", saved("BMP"), saved("JPEG")[:200]])
def test_a_file_that_says_nothing_has_its_name_and_its_list(data: bytes) -> None:
    assert read_metadata(data) == Metadata()
    named = read_metadata(data, "a/2019-07-04 x.jpg", "2020-01-01")
    assert named == Metadata(Taken(datetime(2019, 7, 4), None, "file name"))
    listed = read_metadata(data, "a/x.jpg", "2020-01-01")
    assert listed == Metadata(Taken(datetime(2020, 1, 1), None, "list"))


def test_a_fault_of_our_own_is_no_fault_of_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_data: bytes) -> None:
        raise KeyError("not foreseen")

    monkeypatch.setattr("workers.images.metadata.find_blocks", broken)
    assert read_metadata(saved("JPEG")) == Metadata()
