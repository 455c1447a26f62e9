"""The gate of low-precision variants, of recognisers and of detectors."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image as Pillow

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings, VariantName
from tests.workers.networks import scrfd_path, shipped
from tests.workers.variants.made import gated, key_of, made_faces, made_network, pack_of
from workers.faces.detection import PROFILES, search_image
from workers.models.detectors.boxes import overlaps
from workers.models.model_file import ModelFile
from workers.models.onnx.quantise import FORMS, HALF, forms_of
from workers.models.packs.files import resolve_pack
from workers.models.packs.open import open_pack, open_recogniser
from workers.models.packs.variants import (
    Variant,
    VariantRecord,
    find_variant,
    keep_variant,
)
from workers.models.recognisers.arcface import embed_in_full
from workers.models.shapes import ByShape
from workers.tools.packs import PackCache
from workers.variants import criteria, gate
from workers.variants.labelled import NO_FACES, Faces

NAMES = ("Ann", "Bob", "Cid", "Dan")


PHOTOS = ("address.jpg", "vice-president.jpg", "portrait.png", "blue-room.jpg")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu", profile="fast")


def refused(name: str, settings: Settings) -> str:
    with pytest.raises(FatalError) as caught:
        open_pack(name, settings, S3Settings())
    return str(caught.value)


def test_the_record_says_how_the_variant_was_judged(passed: Variant) -> None:
    part = passed.record.recogniser
    (judgement,) = part.judgements
    assert judgement.form == FORMS[0]
    assert judgement.faults == ()
    assert (judgement.people, judgement.faces, judgement.genuine_pairs) == (80, 320, 480)
    assert judgement.mean_cosine >= judgement.low_cosine > 0.95
    assert judgement.accuracy_fp32 > 0.99
    assert part.calibrated_on == 24
    assert VariantRecord.from_bytes(passed.record.to_bytes()) == passed.record


@pytest.mark.usefixtures("quick_gate")
@pytest.mark.parametrize("outlier", [1e3, 1e6], ids=["much is lost", "all is lost"])
def test_what_8_bits_spoil_fails_and_every_form_is_told(settings: Settings, outlier: float) -> None:
    files = pack_of(made_network(outlier=outlier))
    made = gated(files, settings)
    judgements = made.record.recogniser.judgements
    assert not made.record.passed
    assert [judgement.form for judgement in judgements] == forms_of(made_network())
    assert all("cosine to fp32" in judgement.faults[0] for judgement in judgements)
    keep_variant(settings.cache_dir, made)
    with pytest.raises(FatalError, match=r"failed its gate \(.*cosine to fp32"):
        find_variant(settings.cache_dir, "made", key_of(files), "int8")


@pytest.mark.usefixtures("quick_gate")
def test_16_bit_floats_pass_a_narrower_gate_and_need_no_calibration(
    made_pack: Path, settings: Settings
) -> None:
    made = gated(resolve_pack(str(made_pack), settings, S3Settings()), settings, "fp16")
    keep_variant(settings.cache_dir, made)
    part = made.record.recogniser
    (judgement,) = part.judgements
    assert (judgement.form, judgement.faults) == (HALF, ())
    assert 0.999 < judgement.low_cosine < 1 - 1e-9
    assert part.calibrated_on == 0
    plain, half = (
        open_pack(f"{made_pack}{mark}", settings, S3Settings()).record for mark in ("", "+fp16")
    )
    assert half.name == "mine+fp16"
    assert half.pack_id != plain.pack_id
    assert "has passed no gate here" in refused(f"{made_pack}+int8", settings)


@pytest.mark.usefixtures("quick_gate")
def test_what_16_bits_cannot_hold_fails(settings: Settings) -> None:
    made = gated(pack_of(made_network(last=1e-10)), settings, "fp16")
    assert not made.record.passed
    assert "below 0.999" in made.record.recogniser.judgements[0].faults[0]


@pytest.mark.usefixtures("quick_gate")
def test_too_few_pairs_judge_nothing(settings: Settings) -> None:
    file = ModelFile("made.onnx", made_network())
    base = open_recogniser(file, settings)
    with pytest.raises(FatalError, match="a gate needs 200"):
        gate.gate_recogniser(file, "int8", made_faces(), made_faces(people=10), settings, base=base)


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> dict[int, set[Any]]:
    """The batch sizes that each opened network is run with, from here on."""
    seen: dict[int, set[Any]] = defaultdict(set)
    plain = ByShape.at

    def at(self: ByShape[Any], shape: Any) -> Any:
        seen[id(self)].add(shape[0][0])
        return plain(self, shape)

    monkeypatch.setattr(ByShape, "at", at)
    return seen


@pytest.mark.usefixtures("quick_gate")
@pytest.mark.parametrize("batching", ["on", "off"])
def test_a_gate_opens_two_networks_and_runs_each_with_few_sizes_of_batches(
    settings: Settings, batching: Literal["on", "off"], shapes: dict[int, set[Any]]
) -> None:
    settings = settings.model_copy(update={"batching": batching})
    file, judged = ModelFile("made.onnx", made_network()), made_faces(each=3)
    judged = Faces(judged.crops[:-5], judged.people[:-5])  # 11 are left over
    base = open_recogniser(file, settings)
    gate.gate_recogniser(file, "fp16", NO_FACES, judged, settings, base=base)
    assert list(shapes.values()) == [{1, 4, 16}, {1, 4, 16}]


def test_what_is_left_over_is_embedded_as_it_is_alone(settings: Settings) -> None:
    recogniser = open_recogniser(ModelFile("made.onnx", made_network()), settings)
    crops = made_faces(people=21, each=1).crops
    for count in (0, 1, 15, 16, 21):
        got = embed_in_full(recogniser, crops[:count])
        np.testing.assert_allclose(got, recogniser.embed(crops[:count]), atol=1e-5)


# -- both networks -------------------------------------------------------------------------------


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
        "LIMITS": dict.fromkeys(("int8", "fp16"), criteria.Limits(0.9, 0.8)),
        "MOST_LOST": 1,
        "MOST_SHIFT": 1,
        "LEAST_LABELLED": 1,
    }.items():
        monkeypatch.setattr(criteria, name, value)
    monkeypatch.setattr(gate, "ROUNDS", 1)
    monkeypatch.setattr(gate, "MOST_CALIBRATION", 6)
    require_speed(0, monkeypatch)


def require_speed(gain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that asks a detector's form to be so many times as fast as fp32."""
    monkeypatch.setattr(gate, "LEAST_GAIN", gain)
    monkeypatch.setattr(criteria, "LEAST_GAIN", gain)


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
@pytest.mark.parametrize(("variant", "read"), [("fp16", 4), ("int8", 8 + 4)])
def test_photos_that_calibrate_are_searched_for_8_bits_alone(
    people: str,
    settings: Settings,
    variant: VariantName,
    read: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []
    plain = gate.detect_in

    def counted(photos: Any, *more: Any) -> Any:
        searched.extend(photos)
        return plain(photos, *more)

    monkeypatch.setattr(gate, "detect_in", counted)
    PackCache(settings, S3Settings()).gate("embedded", variant, people)
    assert len(searched) == read


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
    packs = PackCache(settings, S3Settings())
    told = packs.gate(str(folder), "int8", people)["variant"]
    assert told["detector"]["sha256"] is not None
    require_same_faces(people, str(folder), settings)
    variant = open_pack(f"{folder}+int8", settings, S3Settings())
    assert variant.detector.largest is None
    there = packs.share(f"{folder}+int8", str(tmp_path / "shared"))
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    assert open_pack(there, elsewhere, S3Settings()).record == variant.record


@pytest.mark.usefixtures("lenient")
def test_a_machine_on_which_the_detector_computes_otherwise_refuses_the_variant(
    people: str, tmp_path: Path, settings: Settings
) -> None:
    pack = pack_with(made_network(), tmp_path / "mine")
    PackCache(settings, S3Settings()).gate(pack, "int8", people)
    (path,) = (settings.cache_dir / "models").glob("*.json")
    record = VariantRecord.from_bytes(path.read_bytes())
    part = record.detector.model_copy(update={"probe": record.detector.probe[::-1]})
    path.write_bytes(record.model_copy(update={"detector": part}).to_bytes())
    with pytest.raises(FatalError, match="gives something else on this machine"):
        open_pack(f"{pack}+int8", settings, S3Settings())
