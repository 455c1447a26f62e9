"""The gate before a low-precision variant: made of some people's faces, judged on other people's.

Photos lie in one folder per person, each with that person's face nearest to its centre. Every
second person's faces calibrate; the others judge.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError, ObjectError, PhotoError
from headcount.photos import Reference, references_in
from headcount.settings import Settings, VariantName
from headcount.storage import Store
from workers.align import crop_faces, rescaled
from workers.calibrate import Cosines, labelled_pairs
from workers.decode import Picture
from workers.models.arcface import ArcFace, blob, input_scaling
from workers.models.base import Detector, Floats, Image, Recogniser
from workers.models.packs import (
    ModelFile,
    PackFiles,
    open_recogniser,
    ready_form,
)
from workers.models.prepare import parse, sha256
from workers.models.quantise import forms_of, quantise, runtime
from workers.models.thresholds import probe, thresholds_of
from workers.models.variants import Judgement, VariantRecord
from workers.pools import ordered_map
from workers.search import PROFILES, search


@dataclass(frozen=True, slots=True)
class Limits:
    """The least cosine to fp32: of the average face, and of all faces but 1 in 100."""

    mean: float
    low: float


LIMITS: dict[VariantName, Limits] = {"int8": Limits(0.98, 0.95), "fp16": Limits(0.999, 0.999)}
"""Two descriptors that rounding moved by a cosine of 0.98 each, independently, are less alike by
4 %. 16-bit floats move them by far less; where they do not, numbers went out of their range."""
MOST_LOST = 0.003
"""Of pairs told rightly."""
MOST_SHIFT = 0.01
"""Of the cosine that one impostor pair in 1,000 reaches: beyond it fp32's thresholds are no
longer the variant's."""
LEAST_PAIRS = 200
"""Genuine pairs (and as many impostors): with fewer, one pair is more than what may be lost."""
MOST_PHOTOS = 10_000
"""Further photos are passed over: crops are kept in memory, 38 kB each."""
MOST_CALIBRATION = 128
ROUNDS = 5
TIMED = 64


@dataclass(frozen=True, slots=True)
class Faces:
    """N aligned crops (N x 112 x 112 x 3) and the number of the person in each."""

    crops: Image
    people: NDArray[np.int64]


def gate_variant(
    files: PackFiles, variant: VariantName, faces: Faces, settings: Settings
) -> tuple[bytes | None, VariantRecord]:
    """The first form of a variant that passes, None where none does; and what each was like.

    Raises FatalError: too few people, nothing to quantise.
    """
    bench = _Bench(files, variant, settings, *halves(faces))
    blobs = bench.blobs() if variant == "int8" else []
    data, judgements = None, []
    for form in forms_of(bench.ready, variant):
        tried = quantise(bench.ready, blobs, form)
        judgements.append(bench.judge(form, tried))
        if not judgements[-1].faults:
            data = tried
            break
    record = VariantRecord(
        variant=variant,
        recogniser=files.recogniser.name,
        source_sha256=files.recogniser.identity,
        sha256=None if data is None else sha256(data),
        calibration_faces=len(blobs),
        judgements=tuple(judgements),
        probe=() if data is None else tuple(bench.opened(data).embed(probe())[0].tolist()),
        thresholds=thresholds_of(bench.base),
        made_with=runtime(),
    )
    return data, record


def collect(source: Store, detector: Detector, settings: Settings) -> Faces:
    """The central face of each photo of a folder of people; a photo without one is left out.

    Raises FatalError where fewer than two people have one.
    """
    names: list[str] = []
    crops: list[Image] = []
    threads = settings.threads
    with ThreadPoolExecutor(threads, "gate") as pool:
        found = ordered_map(
            pool,
            lambda reference: _central_crop(source, reference, detector, settings),
            islice(references_in(source.list()), MOST_PHOTOS),
            ahead=2 * threads,
        )
        for name, crop in found:
            if crop is not None:
                names.append(name)
                crops.append(crop)
    people, numbers = np.unique(np.array(names, dtype=str), return_inverse=True)
    if len(people) < 2:
        raise FatalError(
            f"{source.uri} has faces of {len(people)} people: a gate needs one folder per person, "
            "photos of many people, and several of each"
        )
    return Faces(np.stack(crops), numbers.astype(np.int64))


def _central_crop(
    source: Store, reference: Reference, detector: Detector, settings: Settings
) -> tuple[str, Image | None]:
    try:
        blob = source.get(reference.photo.key, limit=settings.max_bytes)
        picture = Picture(blob.data, max_pixels=settings.max_pixels)
        faces = search(picture, detector, PROFILES[settings.profile]).faces
    except (ObjectError, PhotoError):
        return reference.person, None
    if not len(faces):
        return reference.person, None
    decoded = picture.at_least(1)
    middle = np.array([decoded.width, decoded.height]) / 2
    centres = faces.boxes[:, :2] + faces.boxes[:, 2:] / 2
    chosen = int(np.abs(centres - middle).sum(axis=1).argmin())
    landmarks = rescaled(faces.landmarks[chosen : chosen + 1], decoded.scale)
    return reference.person, crop_faces(decoded.image, landmarks)[0]


def halves(faces: Faces) -> tuple[Faces, Faces]:
    """The faces of every second person, to calibrate with, and those of the others, to judge."""
    first = faces.people % 2 == 0
    return (
        Faces(faces.crops[first], faces.people[first]),
        Faces(faces.crops[~first], faces.people[~first]),
    )


class _Bench:
    """What every form of a variant is measured against: fp32, on the same faces."""

    def __init__(
        self,
        files: PackFiles,
        variant: VariantName,
        settings: Settings,
        calibration: Faces,
        judged: Faces,
    ) -> None:
        self._files, self._variant, self._settings = files, variant, settings
        self._calibration, self._judged = calibration, judged
        self.ready = ready_form(files.recogniser, settings, free_size=False)
        self.base = open_recogniser(files.recogniser, settings)
        self._expected = self.base.embed(judged.crops)

    def blobs(self) -> list[Floats]:
        """What a network is calibrated with."""
        crops = self._calibration.crops
        step = max(1, len(crops) // MOST_CALIBRATION)
        scaling = input_scaling(parse(self.ready, self._files.recogniser.name).graph)
        return [blob(crop[None], *scaling) for crop in crops[::step][:MOST_CALIBRATION]]

    def opened(self, data: bytes) -> ArcFace:
        """A form, as it will be opened when it is chosen."""
        file = ModelFile(self._files.recogniser.name, data, ready=True)
        return open_recogniser(file, self._settings, half=self._variant == "fp16")

    def judge(self, form: str, data: bytes) -> Judgement:
        """One form. A network of which so few bits leave nothing is unlike fp32, and no error."""
        crops = self._judged.crops
        try:
            tried = self.opened(data)
            got, ratio = tried.embed(crops), _speed_ratio(self.base, tried, crops[:TIMED])
        except FatalError:
            got, ratio = np.zeros_like(self._expected), 0.0
        measured = compare(self._expected, got, self._judged.people)
        faults = faults_of(measured, self._variant)
        return Judgement(form=form, speed_ratio=ratio, faults=faults, **asdict(measured))


@dataclass(frozen=True, slots=True)
class Measured:
    """A variant's descriptors beside fp32's of the same faces; see Judgement."""

    people: int
    faces: int
    genuine_pairs: int
    impostor_pairs: int
    mean_cosine: float
    low_cosine: float
    accuracy_fp32: float
    accuracy: float
    shift: float


def compare(expected: Floats, got: Floats, people: NDArray[np.int64]) -> Measured:
    """Descriptors (N x D) of fp32 and of a variant, of the same N faces of these people.

    Raises FatalError where there are too few pairs to tell.
    """
    cosines = (expected * got).sum(axis=1)
    genuine, impostor = labelled_pairs(expected, people)
    genuine_got, impostor_got = labelled_pairs(got, people)
    if len(genuine) < LEAST_PAIRS or len(impostor) < len(genuine):
        raise FatalError(
            f"{len(genuine)} pairs of photos of one person among those that judge: a gate needs "
            f"{LEAST_PAIRS}, from half of the people. Give it more people with several photos each"
        )
    some = np.random.default_rng(0).choice(len(impostor), len(genuine), replace=False)
    return Measured(
        people=len(np.unique(people)),
        faces=len(people),
        genuine_pairs=len(genuine),
        impostor_pairs=len(impostor),
        mean_cosine=float(cosines.mean()),
        low_cosine=float(np.quantile(cosines, 0.01)),
        accuracy_fp32=accuracy(genuine, impostor[some]),
        accuracy=accuracy(genuine_got, impostor_got[some]),
        shift=_tail(impostor_got) - _tail(impostor),
    )


def _tail(impostor: Cosines) -> float:
    """The cosine that one impostor pair in 1,000 reaches."""
    return float(np.quantile(impostor, 1 - 1e-3))


def accuracy(genuine: Cosines, impostor: Cosines) -> float:
    """The share of pairs told rightly at the threshold that tells most of these pairs rightly."""
    scores = np.concatenate([genuine, impostor])
    gains = np.concatenate([np.ones(len(genuine)), -np.ones(len(impostor))])
    right = np.cumsum(gains[np.argsort(-scores, kind="stable")]).max()
    return float((max(right, 0) + len(impostor)) / len(scores))


def faults_of(measured: Measured, variant: VariantName = "int8") -> tuple[str, ...]:
    """By what a variant fails, in words; nothing where it passes."""
    limits = LIMITS[variant]
    lost = measured.accuracy_fp32 - measured.accuracy
    faults = {
        f"the mean cosine to fp32 is {measured.mean_cosine:.4f}, below {limits.mean}": (
            measured.mean_cosine < limits.mean
        ),
        f"1 % of the faces are below a cosine of {measured.low_cosine:.4f} to fp32, which is below "
        f"{limits.low}": measured.low_cosine < limits.low,
        f"{lost:.2%} more of the pairs are told wrongly, over {MOST_LOST:.1%}": lost > MOST_LOST,
        f"the cosine of 1 impostor pair in 1,000 moves by {measured.shift:+.4f}, over "
        f"{MOST_SHIFT}: fp32's thresholds do not hold": abs(measured.shift) > MOST_SHIFT,
    }
    return tuple(fault for fault, is_so in faults.items() if is_so)


def _speed_ratio(base: Recogniser, tried: Recogniser, crops: Image) -> float:
    """How many times as fast as fp32: the median of interleaved rounds."""
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for recogniser in (base, tried):
            began = time.perf_counter()
            recogniser.embed(crops)
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))
