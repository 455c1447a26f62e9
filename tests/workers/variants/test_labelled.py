from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from headcount.errors import FatalError
from headcount.settings import Settings
from headcount.storage import open_store
from tests.workers.networks import shipped
from tests.workers.pictures import noise
from workers.models.base import Detections, Image, Scores
from workers.models.model_file import ModelFile
from workers.models.packs.open import open_detector, open_recogniser
from workers.variants.labelled import (
    Labelled,
    SamplingDetector,
    detect_in,
    photos_of_people,
    photos_with_boxes,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu")


@pytest.fixture
def people(samples: Path, tmp_path: Path) -> Path:
    """Two photos of Ann and one of Bob, whose others show nobody and are broken."""
    folder = tmp_path / "people"
    for photo, person in [("blue-room", "Ann"), ("address", "Ann"), ("vice-president", "Bob")]:
        (folder / person).mkdir(parents=True, exist_ok=True)
        source = samples / "photos" / f"{photo}.jpg"
        (folder / person / source.name).write_bytes(source.read_bytes())
    Pillow.new("RGB", (200, 200)).save(folder / "Bob" / "empty.png")
    (folder / "Bob" / "broken.jpg").write_bytes(b"\xff\xd8")
    return folder


def test_the_central_face_of_each_persons_photos_is_cropped(
    people: Path, settings: Settings
) -> None:
    photos = photos_of_people(open_store(str(people)))
    assert [photo.person for photo in photos] == ["Ann", "Ann", "Bob", "Bob", "Bob"]
    detector = open_detector(ModelFile("yunet", shipped("yunet")), settings)
    seen = detect_in(photos, detector, settings)
    there = {photo.key: faces.crop is not None for photo, faces in zip(photos, seen, strict=True)}
    assert there.pop("Bob/empty.png") is there.pop("Bob/broken.jpg") is False
    assert all(there.values())
    sface = open_recogniser(ModelFile("sface", shipped("sface")), settings)
    vectors = sface.embed(np.stack([faces.crop for faces in seen if faces.crop is not None]))
    assert vectors[0] @ vectors[1] > 0.45 > vectors[0] @ vectors[2]


def test_of_photos_that_are_of_nobody_there_are_boxes_and_no_crops(
    people: Path, settings: Settings
) -> None:
    detector = open_detector(ModelFile("yunet", shipped("yunet")), settings)
    (faces,) = detect_in([Labelled(open_store(str(people)), "Ann/address.jpg")], detector, settings)
    assert len(faces.boxes)
    assert faces.crop is None


def test_one_person_is_no_gate(tmp_path: Path) -> None:
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Ann" / "a.jpg").write_bytes(b"photo")
    with pytest.raises(FatalError, match="fewer than 2 people"):
        photos_of_people(open_store(str(tmp_path)))


def test_boxes_are_read_photo_by_photo(tmp_path: Path) -> None:
    table = (
        "file,person,x,y,w,h\nb.jpg,,1,2,3,4\na.jpg,Ann,5,6,7,8\nb.jpg,,9,10,11,12\nc.jpg,,,,,\n"
    )
    (tmp_path / "labels.csv").write_text(table)
    photos = photos_with_boxes(open_store(str(tmp_path)))
    assert [photo.key for photo in photos] == ["a.jpg", "b.jpg"]
    assert [photo.boxes.tolist() for photo in photos if photo.boxes is not None] == [
        [[5, 6, 7, 8]],
        [[1, 2, 3, 4], [9, 10, 11, 12]],
    ]
    assert {photo.person for photo in photos} == {None}


@pytest.mark.parametrize(
    "table", [None, "", "file,left\na.jpg,1\n", "file,x,y,w,h\na.jpg,1,2,three,4\n"]
)
def test_a_table_that_says_no_boxes_is_an_error(tmp_path: Path, table: str | None) -> None:
    if table is not None:
        (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(FatalError, match=r"labels\.csv with the columns file, x, y, w, h"):
        photos_with_boxes(open_store(str(tmp_path)))


class _Blind:
    """A detector that finds nothing."""

    scores = Scores(alone=0.5, agreed=0.4, support=0.3, sure=0.7, upright=0.7, exact_from=64)
    largest = None

    def detect(self, image: Image) -> Detections:
        return Detections.none()


def test_what_a_detector_looked_at_is_kept_the_same_however_many_threads_look() -> None:
    images = [noise(8, 8, seed) for seed in range(40)]
    alone, beside = SamplingDetector(_Blind(), 5), SamplingDetector(_Blind(), 5)
    for image in images:
        alone.detect(image)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(beside.detect, images[::-1]))
    assert len(alone.images) == 5
    assert all(np.array_equal(a, b) for a, b in zip(alone.images, beside.images, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(alone.images, images, strict=False))


def test_an_image_that_is_kept_is_not_written_over() -> None:
    sampling, image = SamplingDetector(_Blind(), 5), noise(8, 8)
    sampling.detect(image)
    image[:] = 0
    assert sampling.images[0].any()
