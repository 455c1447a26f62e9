"""Model packs, opened: both networks prepared and run on the provider that is set."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.models.base import Detector, Floats, Image, ModelPack, Recogniser
from workers.models.batching import SIZES, Batched
from workers.models.detectors.families import FAMILIES, family_of
from workers.models.detectors.family import DetectorFamily
from workers.models.model_file import ModelFile, open_network, ready_form, wants_batches
from workers.models.onnx.pixels import PIXELS, take_pixels
from workers.models.onnx.prepare import VERSION, parse, real_inputs, sha256
from workers.models.packs.files import PackFiles, resolve_pack
from workers.models.packs.thresholds import fingerprint_crop, thresholds_of
from workers.models.packs.variants import VariantRecord, require_same_arithmetic
from workers.models.providers import Needs, ShapeRange
from workers.models.recognisers.arcface import CROP, ArcFace, input_scaling

PIPELINE = "4"
"""Part of a pack's digest, from before readings: never raised again, so that ids of packs stay.
What changes boxes, landmarks or embeddings in our own code raises headcount/contract/reading.py."""

FINGERPRINT_LENGTH = 128
"""Values of a detector's outputs by which two processors are held to compute the same."""


def open_pack(name: str, settings: Settings, s3: S3Settings) -> ModelPack:
    """Open a pack. Raises FatalError: unknown, damaged, licence not accepted, or no such GPU."""
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
        require_same_arithmetic(record.recogniser, recogniser.embed(fingerprint_crop())[0])
    if record.detector.sha256 is not None:
        require_same_arithmetic(record.detector, fingerprint_detector(files.detector, settings))


def open_recogniser(file: ModelFile, settings: Settings, *, half: bool = False) -> ArcFace:
    """Prepare a recogniser, unless it is ready, and open it on the provider that is set.

    ``half``: it passed its gate in lower precision.
    """
    data = ready_form(file, settings, free_size=False)
    mean, std = input_scaling(parse(data, file.name).graph)
    shapes = ShapeRange(*((size, CROP, CROP, 3) for size in (1, 16, SIZES[-1])))
    needs = Needs(PIXELS, shapes if _has_free_batch(data, file.name) else None, half)
    ready = take_pixels(data, file.name, mean=mean, scale=1 / std)
    session = open_network(ready, file, settings, needs)
    recogniser = ArcFace(session, name=file.name)
    if not (recogniser.takes_batches and wants_batches(settings, session)):
        return recogniser
    return ArcFace(Batched(session.bound()), name=file.name)


def _has_free_batch(data: bytes, name: str) -> bool:
    (value, *_) = real_inputs(parse(data, name).graph)
    return not value.type.tensor_type.shape.dim[0].dim_value


def open_detector(
    file: ModelFile, settings: Settings, families: Sequence[DetectorFamily] = FAMILIES
) -> Detector:
    """Prepare a detector and open it on the provider that is set. Raises FatalError."""
    return family_of(file, families).open(file, settings)


def detector_blob(
    file: ModelFile, image: Image, families: Sequence[DetectorFamily] = FAMILIES
) -> Floats:
    """Scale an image for a detector that takes no pixels: 1 x 3 x height x width."""
    return family_of(file, families).scaling.planes(image)


def fingerprint_detector(file: ModelFile, settings: Settings) -> Floats:
    """Output values of a detector's network for a made-up image, evenly drawn."""
    ready = ready_form(file, settings, free_size=True)
    session = open_network(ready, file, settings)
    image = fingerprint_crop()[0].repeat(2, axis=0).repeat(2, axis=1)
    outputs = session.run({next(iter(session.inputs)): detector_blob(file, image)})
    values = np.concatenate([output.ravel() for output in outputs]).astype(np.float32)
    return values[:: max(1, len(values) // FINGERPRINT_LENGTH)][:FINGERPRINT_LENGTH]


def pack_record(files: PackFiles, recogniser: Recogniser) -> PackRecord:
    """Record of a pack. Its digest covers everything that changes boxes or embeddings."""
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
