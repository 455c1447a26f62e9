"""The gate before a detector in 8-bit integers."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.workers.models.detectors.test_detectors import scrfd_path
from tests.workers.models.packs.test_variants import made_network
from tests.workers.stages.test_prepare import shipped
from workers.faces.detection import PROFILES, search_image
from workers.models.base import Floats
from workers.models.detectors.boxes import overlaps
from workers.models.packs.open import open_pack
from workers.models.packs.variants import Findings, VariantRecord
from workers.tools.packs import PackCache
from workers.variants import criteria as verdict
from workers.variants import gate
from workers.variants.criteria import detection_faults, findings, require_labelled
from workers.variants.labelled import Labelled, Sight

NAMES = ("Ann", "Bob", "Cid", "Dan")
PHOTOS = ("address.jpg", "vice-president.jpg", "portrait.png", "blue-room.jpg")


def boxes(*places: float, side: float = 40) -> Floats:
    """Boxes of this size at these places."""
    return np.float32([[place, 0, side, side] for place in places]).reshape(-1, 4)


def photo(truth: Floats | None = None, folder: str = ".") -> Labelled:
    return Labelled(open_store(folder), "a.jpg", boxes=truth)


# -- what is found -----------------------------------------------------------------------------


def test_faces_that_both_found_agree() -> None:
    expected = [Sight(boxes(0, 100)), Sight(boxes(0))]
    got = [Sight(boxes(105, 300)), Sight(boxes())]
    found = findings([photo(), photo()], expected, got)
    assert (found.photos, found.faces_fp32, found.faces) == (2, 3, 2)
    assert (found.agreed, found.added) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert found.labelled == 0


def test_faces_too_small_to_count_do_not() -> None:
    small = [Sight(boxes(0, 100, side=19))]
    found = findings([photo()], small, [Sight(boxes())])
    assert found.faces_fp32 == 0
    assert findings([photo()], [Sight(boxes())], small).faces == 0


def test_labelled_faces_are_counted_where_there_are_any() -> None:
    photos = [photo(boxes(0, 100, 200, 300)), photo()]
    expected = [Sight(boxes(0, 100, 200, 900)), Sight(boxes(0))]
    got = [Sight(boxes(0, 100, 500, 600)), Sight(boxes(0))]
    found = findings(photos, expected, got)
    assert found.labelled == 4
    assert (found.recall_fp32, found.recall) == (0.75, 0.5)
    assert (found.precision_fp32, found.precision) == (0.75, 0.5)


def test_too_few_labelled_faces_judge_nothing() -> None:
    require_labelled([])
    require_labelled([photo(boxes(*range(200)))])
    with pytest.raises(FatalError, match=r"1 labelled faces .* a gate needs 200"):
        require_labelled([photo(boxes(0)), photo(boxes(0, side=19))])


GOOD = Findings(
    photos=100,
    faces_fp32=500,
    faces=500,
    agreed=0.99,
    added=0.01,
    labelled=400,
    recall_fp32=0.9,
    recall=0.9,
    precision_fp32=0.95,
    precision=0.95,
)


@pytest.mark.parametrize(
    ("change", "gain", "fault"),
    [
        ({"agreed": 0.979}, 2, "not found"),
        ({"added": 0.021}, 2, "none to fp32"),
        ({"recall": 0.894}, 2, "labelled faces are missed"),
        ({"precision": 0.944}, 2, "no labelled face"),
        ({}, 1.09, "times as fast"),
        ({"recall": 0.896, "precision": 0.946}, 1.11, ""),
        ({"recall": 1.0}, 2, ""),
    ],
)
def test_each_fault_is_seen(change: dict[str, float], gain: float, fault: str) -> None:
    faults = detection_faults(GOOD.model_copy(update=change), gain)
    assert len(faults) == bool(fault)
    assert all(fault in told for told in faults)


# -- real networks -----------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu", profile="fast")


@pytest.fixture
def people(samples: Path, tmp_path: Path) -> str:
    """Four people, two of whom calibrate, with two sizes of one photo each."""
    for name, file in zip(NAMES, PHOTOS, strict=True):
        folder = tmp_path / "people" / name
        folder.mkdir(parents=True)
        picture = Pillow.open(samples / "photos" / file).convert("RGB")
        for size in (320, 400):
            picture.thumbnail((720 - size, 720 - size))
            picture.save(folder / f"{size}.jpg", quality=90)
    return str(tmp_path / "people")


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that few photos can pass, whatever the speed of this machine."""
    for name, value in {
        "LEAST_PAIRS": 2,
        "LIMITS": {"int8": verdict.Limits(0.9, 0.8)},
        "MOST_LOST": 1,
        "MOST_SHIFT": 1,
        "LEAST_LABELLED": 1,
    }.items():
        monkeypatch.setattr(verdict, name, value)
    monkeypatch.setattr(gate, "ROUNDS", 1)
    monkeypatch.setattr(gate, "MOST_CALIBRATION", 6)
    require_speed(0, monkeypatch)


def require_speed(gain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that asks a detector's form to be so many times as fast as fp32."""
    monkeypatch.setattr(gate, "LEAST_GAIN", gain)
    monkeypatch.setattr(verdict, "LEAST_GAIN", gain)


def labelled(folder: str, place: Path, settings: Settings) -> str:
    """The same photos with a table of what the embedded detector finds, as if people had."""
    detector = open_pack("embedded", settings, S3Settings()).detector
    place.mkdir()
    with (place / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "x", "y", "w", "h"])
        for source in sorted(Path(folder).rglob("*.jpg")):
            name = f"{source.parent.name}-{source.name}"
            (place / name).write_bytes(source.read_bytes())
            image = np.asarray(Pillow.open(source))
            for box in search_image(image, detector, PROFILES["fast"]).faces.boxes:
                table.writerow([name, *box.tolist()])
    return str(place)


@pytest.mark.usefixtures("lenient")
def test_a_pack_has_both_its_networks_in_8_bits_where_both_pass(
    people: str, tmp_path: Path, settings: Settings
) -> None:
    marked = labelled(people, tmp_path / "marked", settings)
    told = PackCache(settings, S3Settings()).gate("embedded", "int8", people, marked)["variant"]
    (judgement,) = told["detector"]["judgements"]
    assert told["passed"]
    assert judgement["faults"] == []
    assert judgement["found"]["labelled"] >= 4
    assert judgement["found"]["recall_fp32"] == 1
    assert (judgement["people"], judgement["faces"]) == (2, 4)
    plain = open_pack("embedded", settings, S3Settings()).record
    variant = open_pack("embedded+int8", settings, S3Settings())
    assert variant.record.detector_sha256 == told["detector"]["sha256"] != plain.detector_sha256
    assert variant.record.recogniser_sha256 == told["recogniser"]["sha256"]
    assert variant.record.pack_id != plain.pack_id
    require_same_faces(people, "embedded", settings)


def require_same_faces(people: str, name: str, settings: Settings) -> None:
    """A variant finds what the pack finds, at nearly the same places."""
    packs = [open_pack(each, settings, S3Settings()) for each in (name, f"{name}+int8")]
    for path in sorted(Path(people).rglob("*.jpg")):
        image = np.asarray(Pillow.open(path))
        plain, low = (search_image(image, p.detector, PROFILES["fast"]).faces for p in packs)
        assert len(plain) == len(low) > 0
        assert overlaps(plain.boxes, low.boxes).max(axis=1).min() > 0.8
        assert not np.array_equal(plain.boxes, low.boxes)


def pack_with(recogniser: bytes, folder: Path) -> str:
    """A pack of YuNet and this recogniser."""
    folder.mkdir()
    (folder / "yunet.onnx").write_bytes(shipped("yunet"))
    (folder / "made.onnx").write_bytes(recogniser)
    return str(folder)


@pytest.mark.usefixtures("lenient")
def test_a_detector_that_is_not_faster_stays_in_fp32_and_its_recogniser_need_not(
    people: str, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_speed(1000, monkeypatch)
    pack = pack_with(made_network(), tmp_path / "mine")
    told = PackCache(settings, S3Settings()).gate(pack, "int8", people)["variant"]
    (judgement,) = told["detector"]["judgements"]  # milder forms are slower still: not tried
    assert "times as fast as fp32, and should be 1000" in judgement["faults"][-1]
    assert told["detector"]["sha256"] is None
    plain = open_pack(pack, settings, S3Settings()).record
    variant = open_pack(f"{pack}+int8", settings, S3Settings()).record
    assert variant.detector_sha256 == plain.detector_sha256
    assert variant.recogniser_sha256 == told["recogniser"]["sha256"] != plain.recogniser_sha256


@pytest.mark.usefixtures("lenient")
def test_a_recogniser_that_fails_stays_in_fp32_and_its_detector_need_not(
    people: str, tmp_path: Path, settings: Settings
) -> None:
    pack = pack_with(made_network(outlier=1e6), tmp_path / "mine")
    told = PackCache(settings, S3Settings()).gate(pack, "int8", people)["variant"]
    assert len(told["recogniser"]["judgements"]) > 1
    assert told["recogniser"]["sha256"] is None
    plain = open_pack(pack, settings, S3Settings()).record
    variant = open_pack(f"{pack}+int8", settings, S3Settings()).record
    assert variant.recogniser_sha256 == plain.recogniser_sha256
    assert variant.detector_sha256 == told["detector"]["sha256"] != plain.detector_sha256


@pytest.mark.usefixtures("lenient")
def test_scrfd_in_8_bits_is_nearly_scrfd_at_any_size(
    data: Path, people: str, tmp_path: Path, settings: Settings
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "det.onnx").write_bytes(scrfd_path(data, "500m").read_bytes())
    (folder / "rec.onnx").write_bytes(shipped("sface"))
    shelf = PackCache(settings, S3Settings())
    told = shelf.gate(str(folder), "int8", people)["variant"]
    assert told["detector"]["sha256"] is not None
    require_same_faces(people, str(folder), settings)
    variant = open_pack(f"{folder}+int8", settings, S3Settings())
    assert variant.detector.largest is None
    there = shelf.share(f"{folder}+int8", str(tmp_path / "shared"))
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    assert open_pack(there, elsewhere, S3Settings()).record == variant.record


@pytest.mark.usefixtures("lenient")
def test_a_machine_on_which_the_detector_computes_otherwise_refuses_the_variant(
    people: str, tmp_path: Path, settings: Settings
) -> None:
    pack = pack_with(made_network(), tmp_path / "mine")
    PackCache(settings, S3Settings()).gate(pack, "int8", people)
    (path,) = (settings.cache_dir / "models").glob("*.json")
    record = VariantRecord.model_validate_json(path.read_bytes())
    part = record.detector.model_copy(update={"probe": record.detector.probe[::-1]})
    path.write_bytes(record.model_copy(update={"detector": part}).to_bytes())
    with pytest.raises(FatalError, match="gives something else on this machine"):
        open_pack(f"{pack}+int8", settings, S3Settings())
