import shutil
from pathlib import Path

import numpy as np
import pytest

from headcount.settings import Settings
from tests.workers.models.packs.opening import opened, refused
from tests.workers.models.recognisers.test_arcface import made_network
from tests.workers.networks import detector_like, scrfd_path, shipped
from tests.workers.pictures import group_photo
from workers.faces.detection import PROFILES, search_image
from workers.images.align import crop_faces
from workers.models.detectors.scrfd import Scrfd
from workers.models.detectors.yunet import YuNet
from workers.models.onnx.prepare import prepare
from workers.models.packs.files import (
    EMBEDDED_FILES,
)
from workers.models.packs.thresholds import SFACE, UNKNOWN
from workers.models.recognisers.arcface import unit_length

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


# -- folders ------------------------------------------------------------------------------------


def test_a_folder_with_a_detector_and_a_recogniser_is_a_pack(
    folder: Path, settings: Settings
) -> None:
    record = opened(folder, settings).record
    assert (record.name, record.detector, record.recogniser) == ("mine", "yunet.onnx", "made.onnx")
    assert record.licence == "unknown"
    assert record.threshold == UNKNOWN.threshold
    assert record.calibration is None


def test_a_detector_without_landmarks_stops_the_job(folder: Path, settings: Settings) -> None:
    (folder / "yunet.onnx").unlink()
    (folder / "scrfd_10g.onnx").write_bytes(detector_like(6))
    assert "5 landmarks" in refused(folder, settings)


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


@pytest.mark.insightface
def test_a_folder_serves_insightface_and_headcount_alike(
    samples: Path, data: Path, tmp_path: Path, settings: Settings
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
    pack, image = opened(models, settings), group_photo(samples)
    assert isinstance(pack.detector, Scrfd)
    expected = theirs.get(np.ascontiguousarray(image[:, :, ::-1]))
    faces = search_image(image, pack.detector, PROFILES["balanced"]).faces
    assert len(faces) == len(expected) == 6
    embeddings = unit_length(np.stack([face.embedding for face in expected]))
    at_their_landmarks = crop_faces(image, np.stack([face.kps for face in expected]))
    same = pack.recogniser.embed(at_their_landmarks)
    assert (same * embeddings).sum(axis=1).min() >= 0.999
    # our search looks at other scales too, and its landmarks are the mean of those that see a face
    likeness = pack.recogniser.embed(crop_faces(image, faces.landmarks)) @ embeddings.T
    assert sorted(likeness.argmax(axis=1)) == list(range(6))
    assert likeness.max(axis=1).min() >= 0.96
