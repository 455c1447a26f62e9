"""Low-precision variants of a pack: their names, records and files; refused without a gate.

A variant has networks of its own, so boxes, embeddings, digests and a pack id of its own. It is
made and judged by ``workers/variants/gate.py``; the record lies beside it in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from headcount.contract.record import Record
from headcount.errors import FatalError
from headcount.settings import VARIANTS, VariantName
from workers.models.base import Floats
from workers.models.onnx.prepare import VERSION, read_checked, sha256, write_checked
from workers.models.packs.thresholds import Thresholds

MARK = "+"
"""Between a pack's name and its variant's: ``embedded+int8``."""
SAME = 0.999
"""Least cosine of a variant's fingerprint on this machine to that at the gate.

8-bit products saturate on processors without VNNI: there the same file is another network. 16-bit
floats are computed in 32 bits by a CPU, and overflow on a GPU."""


class Findings(Record):
    """Detections of a detector's variant beside those of fp32: faces of at least 20 pixels."""

    photos: int
    faces_fp32: int
    faces: int
    agreed: float
    """Share of fp32's faces that it found too."""
    added: float
    """Share of its faces that fp32 did not find."""
    labelled: int
    """Faces whose boxes people have drawn; where there are none, the fields below are 0 too."""
    recall_fp32: float = 0.0
    recall: float = 0.0
    precision_fp32: float = 0.0
    precision: float = 0.0


class Measured(Record):
    """A variant's embeddings beside fp32's of the same faces."""

    people: int
    faces: int
    genuine_pairs: int
    impostor_pairs: int
    mean_cosine: float
    low_cosine: float
    """Cosine to fp32 that 1 % of the faces stay below."""
    accuracy_fp32: float
    accuracy: float
    shift: float
    """Difference of the cosine at a false match rate of 1e-3 from fp32's."""


class Judgement(Measured):
    """Measurements of one form of a network, on people whose photos did not calibrate it.

    The embeddings of a detector's form are those of the whole variant: of the faces as it aligns
    them, by the recogniser that was kept.
    """

    form: str
    found: Findings | None = None
    """Detections, for a detector's form."""
    speed_ratio: float
    """Speed in multiples of fp32's, on the machine of the gate."""
    faults: tuple[str, ...]
    """Reasons why it fails; none where it passed."""


class PartRecord(Record):
    """One network of a variant: its source, and how its forms were judged."""

    name: str
    source_sha256: str
    """SHA-256 of the file as it is shipped."""
    sha256: str | None = None
    """SHA-256 of the variant's own file; None where no form passed: the part stays in fp32."""
    calibrated_on: int = 0
    """Number of crops, or of images that passes were run on."""
    judgements: tuple[Judgement, ...] = ()
    """A judgement of each form that was tried; the last form is kept if it passed."""
    probe: tuple[float, ...] = ()
    """Fingerprint: its output for ``fingerprint_crop``, on the machine of the gate."""


class VariantRecord(Record):
    """Beside each variant: its networks, how they were judged, and its thresholds."""

    variant: VariantName
    detector: PartRecord
    recogniser: PartRecord
    thresholds: Thresholds
    """Thresholds of fp32: the gate limits their error."""
    made_with: str

    @property
    def parts(self) -> dict[str, PartRecord]:
        """Records of both networks, by role."""
        return {"detector": self.detector, "recogniser": self.recogniser}

    @property
    def passed(self) -> bool:
        """Whether a form of either network passed the gate."""
        return any(part.sha256 is not None for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant's record, and the networks that passed, by role; others stay in fp32."""

    record: VariantRecord
    networks: dict[str, bytes]


def split_name(name: str) -> tuple[str, VariantName | None]:
    """Split a pack's name into that of the plain pack and that of the variant, if any."""
    for variant in VARIANTS:
        if name.endswith(MARK + variant):
            return name.removesuffix(MARK + variant), variant
    return name, None


def pack_key(detector: str, recogniser: str) -> str:
    """Key of a pack's variants in the cache, made of the digests of both shipped files."""
    return sha256(f"{detector} {recogniser}".encode())[:32]


def record_path(cache: Path, key: str, variant: VariantName) -> Path:
    """Path of the gate's record of a variant in the cache."""
    return cache / "models" / f"{key}-{variant}-{VERSION}.json"


def variant_path(cache: Path, key: str, variant: VariantName, role: str) -> Path:
    """Path of a variant's network in the cache."""
    return cache / "models" / f"{key}-{variant}-{role}-{VERSION}.onnx"


def _key_of(record: VariantRecord) -> str:
    return pack_key(record.detector.source_sha256, record.recogniser.source_sha256)


def keep_variant(cache: Path, made: Variant) -> None:
    """Write a gate's record and the networks that passed. Raises FatalError."""
    record, key = made.record, _key_of(made.record)
    try:
        write_checked(record_path(cache, key, record.variant), record.to_bytes())
        for role in record.parts:
            path = variant_path(cache, key, record.variant, role)
            if role in made.networks:
                write_checked(path, made.networks[role])
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise FatalError(f"cannot keep the variant in {cache}: {error.strerror}") from error


def read_record(cache: Path, key: str, variant: VariantName) -> VariantRecord | None:
    """Read the gate's record of a variant; None where there is none. Raises FatalError."""
    path = record_path(cache, key, variant)
    try:
        return VariantRecord.from_bytes(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise FatalError(
            f"the record of a gate, {path}, cannot be read: make the variant again with "
            f"`headcount models prepare --variant {variant} --gate FOLDER`"
        ) from error


def find_variant(cache: Path, name: str, key: str, variant: VariantName) -> Variant:
    """Find a variant of the pack ``name``. Raises FatalError unless it passed and is whole."""
    record = read_record(cache, key, variant)
    order = f"`headcount models prepare --model {name} --variant {variant} --gate FOLDER`"
    if record is None:
        raise FatalError(
            f"the variant {variant} of {name} has passed no gate here: {order} makes it and "
            "measures it on your own labelled photos, one folder per person"
        )
    if not record.passed:
        raise FatalError(
            f"the variant {variant} of {name} failed its gate ({_faults_of(record)}): use --model "
            f"{name}, or try other photos with {order}"
        )
    networks = {}
    for role, part in record.parts.items():
        if part.sha256 is None:
            continue
        data = read_checked(variant_path(cache, key, variant, role))
        if data is None or sha256(data) != part.sha256:
            raise FatalError(
                f"the variant {variant} of {name} in the cache is damaged or missing: {order} "
                "makes it again, as a pack of its own; or use the copy that `--to` made"
            )
        networks[role] = data
    return Variant(record, networks)


def _faults_of(record: VariantRecord) -> str:
    last = [part.judgements[-1] for part in record.parts.values() if part.judgements]
    return "; ".join(fault for judgement in last for fault in judgement.faults) or "nothing tried"


def require_same_arithmetic(part: PartRecord, here: Floats) -> None:
    """Raise FatalError where a network computes something else here than at its gate.

    ``here`` is its fingerprint on this machine.
    """
    judged = np.asarray(part.probe, np.float32)
    if here.shape != judged.shape or not _alike(here, judged):
        raise FatalError(
            f"the variant of {part.name} gives something else on this machine than where it passed "
            "its gate (processors differ in arithmetic of few bits): use the pack without a "
            "variant here"
        )


def _alike(one: Floats, other: Floats) -> bool:
    return float(one @ other) >= SAME * float(np.linalg.norm(one) * np.linalg.norm(other))
