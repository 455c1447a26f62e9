"""The gate of a low-precision variant: made with some photos, judged on others.

Photos lie in one folder per person, each with that person's face nearest to its centre. Every
second person's photos calibrate; the others judge. So do every second of photos whose faces have
labelled boxes, where there are any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from headcount.errors import FatalError
from headcount.settings import Settings, VariantName
from workers.models.base import Detections, Detector, Floats, Image, Recogniser
from workers.models.model_file import ModelFile, ready_form
from workers.models.onnx.pixels import blob
from workers.models.onnx.prepare import parse, sha256
from workers.models.onnx.quantise import forms_of, quantise, runtime
from workers.models.packs.files import PackFiles
from workers.models.packs.open import (
    detector_blob,
    fingerprint_detector,
    open_detector,
    open_recogniser,
)
from workers.models.packs.thresholds import fingerprint_crop, thresholds_of
from workers.models.packs.variants import Judgement, PartRecord, Variant, VariantRecord
from workers.models.recognisers.arcface import ArcFace, embed_in_full, input_scaling
from workers.variants.criteria import (
    LEAST_GAIN,
    compare,
    detection_faults,
    faults_of,
    findings,
    require_labelled,
)
from workers.variants.labelled import (
    NO_FACES,
    Faces,
    Labelled,
    PhotoFaces,
    SamplingDetector,
    detect_in,
    faces_of,
    halves,
)

MOST_CALIBRATION = 128
MOST_IMAGES = 48
ROUNDS = 5
TIMED = 64
TIMED_IMAGES = 6

Step = Callable[[Image], object]


@dataclass(frozen=True, slots=True)
class Gated:
    """Outcome of the gate for one network: its record and, where a form passed, its bytes."""

    record: PartRecord
    data: bytes | None = None


def gate_variant(
    files: PackFiles,
    variant: VariantName,
    people: Sequence[Labelled],
    boxed: Sequence[Labelled],
    settings: Settings,
) -> Variant:
    """Make a variant of a pack: of each network the first form that passes, fp32 where none does.

    The recogniser is judged first; a detector then has to pass together with what was kept. It
    stays in fp32 where its axes cannot be freed, and beside 16-bit floats. Raises FatalError: too
    few people or faces, nothing to quantise.
    """
    require_labelled(boxed[1::2])
    one, other = halves(people)
    detector = open_detector(files.detector, settings)
    sampling = SamplingDetector(detector, MOST_IMAGES)
    calibration = NO_FACES
    if variant == "int8":  # 16-bit floats are made without photos
        calibration = faces_of(one, detect_in([*one, *boxed[::2]], sampling, settings))
    judging = [*other, *boxed[1::2]]
    seen = detect_in(judging, detector, settings)
    base = open_recogniser(files.recogniser, settings)
    recogniser = gate_recogniser(
        files.recogniser, variant, calibration, faces_of(other, seen), settings, base=base
    )
    if variant == "int8" and detector.largest is None:
        low = recogniser.data
        kept = base if low is None else _opened(files.recogniser, low, variant, settings)
        evaluation = EvaluationSet(judging, seen, base, kept)
        found = gate_detector(files.detector, detector, sampling.images, evaluation, settings)
    else:
        found = in_fp32(files.detector)
    made = {"detector": found.data, "recogniser": recogniser.data}
    record = VariantRecord(
        variant=variant,
        detector=found.record,
        recogniser=recogniser.record,
        thresholds=thresholds_of(base),
        made_with=runtime(),
    )
    return Variant(record, {role: data for role, data in made.items() if data is not None})


# -- networks -----------------------------------------------------------------------------------


def in_fp32(file: ModelFile) -> Gated:
    """Keep a network in fp32, without trying another form."""
    return Gated(PartRecord(name=file.name, source_sha256=file.identity))


class _Judge(Protocol):
    """A judge of a network's forms: it measures them against fp32, on the same photos.

    ``calibrated_on`` is the number of its inputs.
    """

    variant: VariantName
    ready: bytes
    calibrated_on: int

    def inputs(self) -> Iterator[Floats]:
        """Inputs that calibrate."""
        ...

    def judge(self, form: str, data: bytes) -> Judgement:
        """Judge one form. A form that cannot be run fails by its faults, without an error."""
        ...

    def fingerprint(self, data: bytes) -> Floats:
        """Fingerprint of a form: its output for ``fingerprint_crop``."""
        ...


def _gated(file: ModelFile, judge: _Judge, *, least_gain: float) -> Gated:
    """Try forms, the fastest first; the first that passes."""
    judgements: list[Judgement] = []
    data = None
    for form in forms_of(judge.ready, judge.variant):
        tried = quantise(judge.ready, judge.inputs(), form)
        judgements.append(judge.judge(form, tried))
        if not judgements[-1].faults:
            data = tried
        if data is not None or 0 < judgements[-1].speed_ratio < least_gain:
            break  # those that follow are slower
    record = PartRecord(
        name=file.name,
        source_sha256=file.identity,
        sha256=None if data is None else sha256(data),
        calibrated_on=judge.calibrated_on,
        judgements=tuple(judgements),
        probe=() if data is None else tuple(judge.fingerprint(data).tolist()),
    )
    return Gated(record, data)


def gate_recogniser(
    file: ModelFile,
    variant: VariantName,
    calibration: Faces,
    judged: Faces,
    settings: Settings,
    *,
    base: Recogniser,
) -> Gated:
    """Gate a recogniser on faces as fp32's detector aligns them. Raises FatalError.

    ``base`` is the file, opened.
    """
    step = max(1, len(calibration.crops) // MOST_CALIBRATION)
    crops = calibration.crops[::step][: MOST_CALIBRATION if variant == "int8" else 0]
    judge = _RecogniserJudge(file, variant, settings, crops, judged, base=base)
    return _gated(file, judge, least_gain=0.0)


def _opened(file: ModelFile, data: bytes, variant: VariantName, settings: Settings) -> ArcFace:
    """Open a recogniser's form in the way it is opened when it is chosen."""
    ready = ModelFile(file.name, data, ready=True)
    return open_recogniser(ready, settings, half=variant == "fp16")


class _RecogniserJudge:
    """A judge of a recogniser's forms."""

    def __init__(
        self,
        file: ModelFile,
        variant: VariantName,
        settings: Settings,
        crops: Image,
        judged: Faces,
        *,
        base: Recogniser,
    ) -> None:
        self.variant, self.calibrated_on = variant, len(crops)
        self._file, self._settings, self._crops, self._judged = file, settings, crops, judged
        self.ready = ready_form(file, settings, free_size=False)
        self._base = base
        self._expected = embed_in_full(base, judged.crops)
        self._latest: tuple[bytes, ArcFace] | None = None

    def inputs(self) -> Iterator[Floats]:
        scaling = input_scaling(parse(self.ready, self._file.name).graph)
        return (blob(crop[None], *scaling) for crop in self._crops)

    def judge(self, form: str, data: bytes) -> Judgement:
        crops = self._judged.crops
        try:
            tried = self._form(data)
            got = embed_in_full(tried, crops)
            steps = partial(embed_in_full, self._base), partial(embed_in_full, tried)
            ratio = _speed_ratio(*steps, [crops[:TIMED]])
        except FatalError:
            got, ratio = np.zeros_like(self._expected), 0.0
        measured = compare(self._expected, got, self._judged.people)
        faults = faults_of(measured, self.variant)
        return Judgement(form=form, speed_ratio=ratio, faults=faults, **measured.model_dump())

    def fingerprint(self, data: bytes) -> Floats:
        (embedding,) = self._form(data).embed(fingerprint_crop())
        return np.asarray(embedding, np.float32)

    def _form(self, data: bytes) -> ArcFace:
        """Open a form. The latest stays open: a GPU's plans are made anew by each opening."""
        if self._latest is None or self._latest[0] is not data:
            self._latest = (data, _opened(self._file, data, self.variant, self._settings))
        return self._latest[1]


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Material that judges a detector: photos, fp32's faces in each, and the recognisers behind it.

    ``base`` is fp32's, ``kept`` the variant's.
    """

    photos: Sequence[Labelled]
    seen: Sequence[PhotoFaces]
    base: Recogniser
    kept: Recogniser


def gate_detector(
    file: ModelFile,
    detector: Detector,
    images: Sequence[Image],
    evaluation: EvaluationSet,
    settings: Settings,
) -> Gated:
    """Gate a detector by its detections and by the embeddings of the whole variant.

    ``detector`` is fp32's; ``images`` are some that it ran on. Raises FatalError.
    """
    judge = _DetectorJudge(file, detector, images, evaluation, settings)
    return _gated(file, judge, least_gain=LEAST_GAIN)


class _DetectorJudge:
    """A judge of a detector's forms."""

    variant: VariantName = "int8"

    def __init__(
        self,
        file: ModelFile,
        base: Detector,
        images: Sequence[Image],
        evaluation: EvaluationSet,
        settings: Settings,
    ) -> None:
        self._file, self._base, self._images = file, base, images
        self.calibrated_on = len(images)
        self._evaluation, self._settings = evaluation, settings
        self.ready = ready_form(file, settings, free_size=True)
        faces = faces_of(evaluation.photos, evaluation.seen)
        self._expected = embed_in_full(evaluation.base, faces.crops)
        self._people = faces.people

    def inputs(self) -> Iterator[Floats]:
        return (detector_blob(self._file, image) for image in self._images)

    def judge(self, form: str, data: bytes) -> Judgement:
        try:
            tried = open_detector(self._form(data), self._settings)
            seen = detect_in(self._evaluation.photos, tried, self._settings)
            timed = sorted(self._images, key=lambda image: image.size)[:TIMED_IMAGES]
            ratio = _speed_ratio(self._base.detect, tried.detect, timed)
        except FatalError:
            seen, ratio = [PhotoFaces(Detections.none().boxes)] * len(self._evaluation.seen), 0.0
        found = findings(self._evaluation.photos, self._evaluation.seen, seen)
        measured = compare(self._expected, self._embedded(seen), self._people)
        return Judgement(
            form=form,
            speed_ratio=ratio,
            found=found,
            faults=(*faults_of(measured), *detection_faults(found, ratio)),
            **measured.model_dump(),
        )

    def _embedded(self, seen: Sequence[PhotoFaces]) -> Floats:
        """Embeddings of the faces that fp32 detected, zeros for those not detected now."""
        pairs = zip(self._evaluation.seen, seen, strict=True)
        crops = [now.crop for before, now in pairs if before.crop is not None]
        there = np.array([crop is not None for crop in crops])
        got = np.zeros_like(self._expected)
        if there.any():
            found = np.stack([crop for crop in crops if crop is not None])
            got[there] = embed_in_full(self._evaluation.kept, found)
        return got

    def fingerprint(self, data: bytes) -> Floats:
        return fingerprint_detector(self._form(data), self._settings)

    def _form(self, data: bytes) -> ModelFile:
        return ModelFile(self._file.name, data, ready=True)


def _speed_ratio(base: Step, tried: Step, images: Sequence[Image]) -> float:
    """Speed in multiples of fp32's: the median of interleaved rounds."""
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for step in (base, tried):
            began = time.perf_counter()
            for image in images:
                step(image)
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))
