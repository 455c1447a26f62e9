from dataclasses import replace
from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from tests.workers.variants.made import key_of, made_faces, made_network
from workers.models.packs.files import resolve_pack
from workers.models.packs.open import open_pack
from workers.models.packs.thresholds import Thresholds
from workers.models.packs.variants import (
    Variant,
    keep_variant,
    record_path,
    split_name,
    variant_path,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu")


def refused(name: str, settings: Settings) -> str:
    with pytest.raises(FatalError) as caught:
        open_pack(name, settings, S3Settings())
    return str(caught.value)


@pytest.fixture
def kept(made_pack: Path, settings: Settings, passed: Variant) -> Path:
    """Where its recogniser lies in the cache."""
    key = key_of(resolve_pack(str(made_pack), settings, S3Settings()))
    return variant_path(settings.cache_dir, key, "int8", "recogniser")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("embedded", ("embedded", None)),
        ("embedded+int8", ("embedded", "int8")),
        ("embedded+fp16", ("embedded", "fp16")),
        ("s3://models/a+b/+int8", ("s3://models/a+b/", "int8")),
        ("made_pack+int4", ("made_pack+int4", None)),
    ],
)
def test_a_variant_is_named_behind_its_pack(name: str, parts: tuple[str, str | None]) -> None:
    assert split_name(name) == parts


def test_a_variant_without_a_gate_is_refused_and_the_way_told(settings: Settings) -> None:
    told = refused("embedded+int8", settings)
    assert "headcount models prepare --model embedded --variant int8 --gate FOLDER" in told


def test_a_variant_that_passed_is_a_pack_of_its_own(
    made_pack: Path, settings: Settings, passed: Variant
) -> None:
    plain = open_pack(str(made_pack), settings, S3Settings())
    variant = open_pack(f"{made_pack}+int8", settings, S3Settings())
    assert passed.record.passed
    assert variant.record.name == "mine+int8"
    assert variant.record.pack_id != plain.record.pack_id
    assert variant.record.recogniser_sha256 == passed.record.recogniser.sha256
    assert variant.record.detector_sha256 == plain.record.detector_sha256
    faces = made_faces(people=6, each=1).crops
    likeness = (variant.recogniser.embed(faces) * plain.recogniser.embed(faces)).sum(axis=1)
    assert 0.99 < likeness.min() < likeness.max() < 1 - 1e-7


def test_a_variant_keeps_the_thresholds_that_its_gate_carried_over(
    made_pack: Path, settings: Settings, passed: Variant
) -> None:
    own = Thresholds(0.3, 0.02, 0.4, 0.35, 0.04, (30.0, -10.0), ((1e-3, 0.3),))
    record = passed.record.model_copy(update={"thresholds": own})
    keep_variant(settings.cache_dir, replace(passed, record=record))
    record = open_pack(f"{made_pack}+int8", settings, S3Settings()).record
    assert (record.threshold, record.calibration, record.fmr) == (
        0.3,
        (30.0, -10.0),
        ((1e-3, 0.3),),
    )


def test_a_variant_of_another_recogniser_is_none(
    made_pack: Path, settings: Settings, passed: Variant
) -> None:
    (made_pack / "made.onnx").write_bytes(made_network(separable=True))
    assert "has passed no gate here" in refused(f"{made_pack}+int8", settings)


def test_a_damaged_variant_is_refused(made_pack: Path, settings: Settings, kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:-1])
    assert "is damaged or missing" in refused(f"{made_pack}+int8", settings)


def test_a_variant_that_is_not_the_one_judged_is_refused(
    made_pack: Path, settings: Settings, passed: Variant
) -> None:
    keep_variant(settings.cache_dir, replace(passed, networks={"recogniser": made_network()}))
    assert "is damaged or missing" in refused(f"{made_pack}+int8", settings)


def test_a_record_that_cannot_be_read_is_refused(
    made_pack: Path, settings: Settings, passed: Variant
) -> None:
    files = resolve_pack(str(made_pack), settings, S3Settings())
    record_path(settings.cache_dir, key_of(files), "int8").write_text("{}")
    assert "cannot be read" in refused(f"{made_pack}+int8", settings)


def test_a_machine_that_computes_otherwise_refuses_the_variant(
    made_pack: Path, settings: Settings, passed: Variant
) -> None:
    part = passed.record.recogniser
    elsewhere = part.model_copy(update={"probe": tuple(-x for x in part.probe)})
    record = passed.record.model_copy(update={"recogniser": elsewhere})
    keep_variant(settings.cache_dir, replace(passed, record=record))
    assert "gives something else on this machine" in refused(f"{made_pack}+int8", settings)


def test_a_failed_gate_takes_an_earlier_variant_away(
    made_pack: Path, settings: Settings, passed: Variant, kept: Path
) -> None:
    part = passed.record.recogniser.model_copy(update={"sha256": None})
    record = passed.record.model_copy(update={"recogniser": part})
    keep_variant(settings.cache_dir, Variant(record, {}))
    assert not kept.exists()
    assert "failed its gate" in refused(f"{made_pack}+int8", settings)
