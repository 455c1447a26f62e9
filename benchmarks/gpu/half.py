"""A recogniser in 16-bit floats: through its gate, or beside the limits of the gate.

The gate needs labelled photos of people. Without them the faces of the photos at hand say how far
embeddings move; that is no gate, and is told apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gpu.asked import Asked, photos_of
from benchmarks.gpu.engine import MOST_PIXELS
from headcount.errors import HeadcountError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from workers.faces.detection import PROFILES, search
from workers.images.align import crop_faces, rescaled
from workers.images.decode import Picture
from workers.models.base import Detector, Image
from workers.models.model_file import ModelFile, ready_form
from workers.models.onnx.quantise import HALF, quantise
from workers.models.packs.files import PackFiles, resolve_pack
from workers.models.packs.open import open_detector, open_recogniser
from workers.models.packs.variants import keep_variant
from workers.variants.criteria import LIMITS
from workers.variants.gate import gate_variant
from workers.variants.labelled import photos_of_people

TOLD = ("faces", "mean_cosine", "low_cosine", "accuracy_fp32", "accuracy", "speed_ratio", "faults")
"""What is told of a gate's judgement."""
CROPS = 12
"""Photos whose faces are compared where there is no gate."""


def judged(asked: Asked, pack: str) -> dict[str, Any]:
    """Judge fp16 of a pack; an error of the pack or the gate becomes a reason."""
    settings = Settings(provider=asked.provider, cache_dir=asked.work / "cache")
    try:
        files = resolve_pack(pack, settings, S3Settings())
        if asked.people:
            return _through_gate(files, asked, settings)
        return _beside_limits(files, asked, settings)
    except HeadcountError as error:
        return {"gate": bool(asked.people), "passes": None, "reason": str(error)}


def _through_gate(files: PackFiles, asked: Asked, settings: Settings) -> dict[str, Any]:
    source = open_store(canonical_uri(asked.people), S3Settings())
    made = gate_variant(files, "fp16", photos_of_people(source), [], settings)
    part = made.record.recogniser
    if made.record.passed:
        keep_variant(settings.cache_dir, made)  # stage c measures it
    judged = part.judgements[-1].model_dump(include=set(TOLD))
    return {"gate": True, "passes": part.sha256 is not None, **judged}


def _beside_limits(files: PackFiles, asked: Asked, settings: Settings) -> dict[str, Any]:
    crops = _crops(asked, open_detector(files.detector, settings))
    ready = ready_form(files.recogniser, settings, free_size=False)
    half = ModelFile(files.recogniser.name, quantise(ready, [], HALF), ready=True)
    expected = open_recogniser(files.recogniser, settings).embed(crops)
    got = open_recogniser(half, settings, half=True).embed(crops)
    cosines, limits = (expected * got).sum(axis=1), LIMITS["fp16"]
    mean, low = float(cosines.mean()), float(np.quantile(cosines, 0.01))
    return {
        "gate": False,
        "passes": mean >= limits.mean and low >= limits.low,
        "faces": len(crops),
        "mean_cosine": mean,
        "low_cosine": low,
    }


def _crops(asked: Asked, detector: Detector) -> Image:
    """Crop the faces of some of the smallest photos."""
    crops = []
    for photo in photos_of(asked, min(asked.sizes))[:CROPS]:
        picture = Picture(photo.read_bytes(), max_pixels=MOST_PIXELS)
        faces = search(picture, detector, PROFILES["fast"]).faces
        decoded = picture.at_least(1)
        crops.append(crop_faces(decoded.image, rescaled(faces.landmarks, decoded.scale)))
    return np.concatenate(crops)
