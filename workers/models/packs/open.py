"""Model packs, opened: both networks prepared, in the form that their provider runs best."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial

import numpy as np

from headcount.contract.stored.archive import PackRecord
from headcount.errors import FatalError, TransientError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.models.base import Detector, Floats, Image, ModelPack, Recogniser
from workers.models.batching import SIZES, Batched
from workers.models.detectors.batched import SCRFD, YUNET, BatchedDetector, Kind, shape_range
from workers.models.detectors.boxes import filled, padded
from workers.models.detectors.device_form import scrfd_form, yunet_form
from workers.models.detectors.scrfd import ANCHORS, MEAN, SCALE, STRIDES, Scrfd, by_image
from workers.models.detectors.yunet import YuNet
from workers.models.onnx.prepare import (
    PIXELS,
    VERSION,
    parse,
    prepared,
    real_inputs,
    sha256,
    take_pixels,
)
from workers.models.packs.files import ModelFile, PackFiles, is_yunet, resolve_pack
from workers.models.packs.thresholds import probe, thresholds_of
from workers.models.packs.variants import VariantRecord, require_same_arithmetic
from workers.models.providers import CPU, Gpu, Needs, ShapeRange, engine_folder
from workers.models.recognisers.arcface import CROP, ArcFace, blob, input_scaling
from workers.models.session import Network, Session, open_session

log = logging.getLogger(__name__)

PIPELINE = "4"
"""Raised when detection, alignment or embedding change what comes out: other embeddings."""

FINE, COARSE = 32, 128
"""Images are filled up to multiples of so many pixels; of the second for TensorRT, which takes long
over each new shape. One face of 200 at the edge of what is found then comes or goes."""

ROUNDED = 0.02
"""By how much a GPU's products may differ from one batch to another; mixed images differ by far."""

PROBED = 128
"""Values of a detector's outputs by which two processors are held to compute the same."""


def open_pack(name: str, settings: Settings, s3: S3Settings) -> ModelPack:
    """A pack, ready to run. Raises FatalError: unknown, damaged, unaccepted, or no such GPU."""
    return load_pack(resolve_pack(name, settings, s3), settings)


def load_pack(files: PackFiles, settings: Settings) -> ModelPack:
    """Prepare both models and open them on the provider that is set."""
    detector = open_detector(files.detector, settings)
    half = files.variant is not None and files.variant.variant == "fp16"
    recogniser = open_recogniser(files.recogniser, settings, half=half)
    if files.variant is not None:
        _require_same_arithmetic(files, files.variant, recogniser, settings)
    return ModelPack(pack_record(files, recogniser), detector, recogniser)


def _require_same_arithmetic(
    files: PackFiles, record: VariantRecord, recogniser: Recogniser, settings: Settings
) -> None:
    if record.recogniser.sha256 is not None:
        require_same_arithmetic(record.recogniser, recogniser.embed(probe())[0])
    if record.detector.sha256 is not None:
        require_same_arithmetic(record.detector, probe_detector(files.detector, settings))


def open_recogniser(file: ModelFile, settings: Settings, *, half: bool = False) -> ArcFace:
    """Prepare a recogniser, unless it is ready, and open it on the provider that is set.

    ``half``: it passed its gate in lower precision.
    """
    data = ready_form(file, settings, free_size=False)
    mean, std = input_scaling(parse(data, file.name).graph)
    shapes = ShapeRange(*((size, CROP, CROP, 3) for size in (1, 16, SIZES[-1])))
    needs = Needs(PIXELS, shapes if _has_free_batch(data, file.name) else None, half)
    ready = take_pixels(data, file.name, mean=mean, scale=1 / std)
    session = _opened(ready, file, settings, needs)
    recogniser = ArcFace(session, name=file.name)
    if not (recogniser.takes_batches and wants_batches(settings, session)):
        return recogniser
    return ArcFace(Batched(session.bound()), name=file.name)


def _has_free_batch(data: bytes, name: str) -> bool:
    (value, *_) = real_inputs(parse(data, name).graph)
    return not value.type.tensor_type.shape.dim[0].dim_value


def _opened(
    data: bytes, file: ModelFile, settings: Settings, needs: Needs | None = None
) -> Session:
    engines = None
    if settings.provider == "tensorrt":
        root = settings.cache_dir / "engines"
        engines = engine_folder(root, sha256(data), settings.gpu_device)
        engines.mkdir(parents=True, exist_ok=True)
    gpu = Gpu(settings.gpu_device, settings.gpu_memory, engines)
    return open_session(data, settings.provider, name=file.name, gpu=gpu, needs=needs)


def ready_form(file: ModelFile, settings: Settings, *, free_size: bool) -> bytes:
    """A model as it is run: its own bytes where it is ready, else prepared, through the cache."""
    if file.ready:
        return file.data
    return prepared(file.data, file.name, settings.cache_dir, free_size=free_size)


def detector_blob(file: ModelFile, image: Image) -> Floats:
    """An image as a detector takes it that does not take pixels: 1 x 3 x height x width."""
    height, width = (filled(side, FINE) for side in image.shape[:2])
    pixels = padded(image, height, width)[None]
    return blob(pixels[..., ::-1], 0, 1) if is_yunet(file) else blob(pixels, MEAN, 1 / SCALE)


def probe_detector(file: ModelFile, settings: Settings) -> Floats:
    """Some of the values that a detector's network gives for a made-up image."""
    ready = ready_form(file, settings, free_size=True)
    session = _opened(ready, file, settings)
    image = probe()[0].repeat(2, axis=0).repeat(2, axis=1)
    outputs = session.run({next(iter(session.inputs)): detector_blob(file, image)})
    values = np.concatenate([output.ravel() for output in outputs]).astype(np.float32)
    return values[:: max(1, len(values) // PROBED)][:PROBED]


def open_detector(file: ModelFile, settings: Settings) -> Detector:
    """Prepare a detector and open it on the provider that is set."""
    multiple = COARSE if settings.provider == "tensorrt" else FINE
    if not is_yunet(file):
        return _open_scrfd(file, settings, multiple)
    ready = take_pixels(ready_form(file, settings, free_size=True), file.name, bgr=True)
    session = _opened(ready, file, settings)
    if not wants_batches(settings, session):
        return YuNet(session, multiple=multiple)
    form = partial(yunet_form, ready_form(file, settings, free_size=True))
    together = _looking_together(form, YUNET, file, settings)
    return together or YuNet(Batched(session), multiple=multiple)


def _looking_together(
    form: Callable[[str], bytes], kind: Kind, file: ModelFile, settings: Settings
) -> BatchedDetector | None:
    """A detector that is given images of several sizes at once; None for one that cannot be."""
    try:
        session = _opened(form(file.name), file, settings, Needs(PIXELS, shape_range()))
        return BatchedDetector(session, kind, name=file.name)
    except FatalError as error:
        log.warning("%s; only its images of one size are looked at together", error)
        return None


def _open_scrfd(file: ModelFile, settings: Settings, multiple: int) -> Detector:
    """An SCRFD with its axes freed, where that is of use and it then sees the same.

    Of use: where it shares batches, or was shipped for images of one size.
    """
    if _takes_any_size(file):
        shipped = _seeing(file.data, file, settings)
        if not wants_batches(settings, shipped):
            return Scrfd(shipped, name=file.name, multiple=multiple)
    ready = _freed_form(file, settings)
    if ready is None:
        return Scrfd(_seeing(file.data, file, settings), name=file.name, multiple=multiple)
    freed = _seeing(ready, file, settings)
    if not wants_batches(settings, freed):
        return Scrfd(freed, name=file.name, multiple=multiple)
    together = _looking_together(partial(scrfd_form, ready), SCRFD, file, settings)
    return together or Scrfd(Batched(freed, by_image), name=file.name, multiple=multiple)


def _takes_any_size(file: ModelFile) -> bool:
    """Whether a detector was shipped for images of any height and width."""
    (value,) = real_inputs(parse(file.data, file.name).graph)
    return not any(axis.dim_value for axis in value.type.tensor_type.shape.dim[2:])


def _freed_form(file: ModelFile, settings: Settings) -> bytes | None:
    """An SCRFD with its axes freed; None for one that then sees something else.

    It is tried on the CPU: TensorRT would take minutes to build engines for the attempt.
    """
    cpu = settings.model_copy(update={"provider": "cpu"})
    try:
        ready = ready_form(file, settings, free_size=True)
        same = same_when_freed(_seeing(file.data, file, cpu), _seeing(ready, file, cpu))
    except FatalError:
        return None
    return ready if same else None


def _seeing(data: bytes, file: ModelFile, settings: Settings) -> Session:
    """An SCRFD that takes pixels."""
    return _opened(take_pixels(data, file.name, mean=MEAN, scale=SCALE), file, settings)


def wants_batches(settings: Settings, session: Network) -> bool:
    """Whether requests are run together: as the settings say, by themselves where it pays."""
    if settings.batching == "auto":
        return session.provider != CPU
    return settings.batching == "on"


def same_when_freed(shipped: Network, freed: Network) -> bool:
    """Whether an SCRFD whose axes were freed says of two images together what it said of each.

    And whether it looks at an image of another size at all. Where the batch was folded in another
    way than by_image unfolds, or a size is part of a constant, it does not.
    """
    name, shape = next(iter(shipped.inputs.items()))
    height, width = (side or 128 for side in shape[1:3])
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    larger = np.zeros((1, height + 96, width + 32, 3), np.uint8)
    try:
        together = by_image(freed.run({name: images}), len(images))
        cells = [output.size // output.shape[-1] for output in freed.run({name: larger})]
    except (TransientError, ValueError):
        return False
    for number, image in enumerate(images):
        alone = shipped.run({name: image[None]})
        for one, other in zip(alone, together, strict=True):
            if not np.allclose(one.reshape(other[number].shape), other[number], ROUNDED, ROUNDED):
                return False
    wanted = [ANCHORS * (larger[0, ..., 0].size // stride**2) for stride in STRIDES]
    return cells == wanted * (len(cells) // len(STRIDES))


def pack_record(files: PackFiles, recogniser: Recogniser) -> PackRecord:
    """What is recorded of a pack. Its digest covers all that changes boxes or embeddings."""
    parts = {
        "detector": files.detector.identity,
        "recogniser": files.recogniser.identity,
        "pipeline": PIPELINE,
        "preparation": VERSION,
    }
    digest = sha256(json.dumps(parts, sort_keys=True).encode())
    known = files.variant.thresholds if files.variant else thresholds_of(recogniser)
    return PackRecord(
        name=files.name,
        pack_id=digest[:16],
        digest=digest,
        detector=files.detector.name,
        detector_sha256=files.detector.identity,
        recogniser=files.recogniser.name,
        recogniser_sha256=files.recogniser.identity,
        dimensions=recogniser.dimensions,
        licence=files.licence,
        threshold=known.threshold,
        margin=known.margin,
        cluster_threshold=known.cluster,
        cluster_group_threshold=known.cluster_group,
        cosine_per_decade=known.decade,
        fmr=known.fmr,
        calibration=known.calibration,
        feature_lengths=known.feature_lengths,
    )
