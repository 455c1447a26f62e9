"""Low-precision variants of a pack: how they are named, kept, and refused without a gate.

A variant has networks of its own, so boxes, embeddings, digests and a pack id of its own. It is
made and judged by ``workers/variants/gate.py``; what was found lies beside it in the cache.
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
"""A machine runs a variant if what it makes of the probe is so alike what was judged (cosine).

8-bit products saturate on processors without VNNI: there the same file is another network. 16-bit
floats are computed in 32 bits by a CPU, and overflow on a GPU."""


class Findings(Record):
    """What a detector's variant found in photos beside fp32: faces of at least 20 pixels."""

    photos: int
    faces_fp32: int
    faces: int
    agreed: float
    """The share of fp32's faces that it found too."""
    added: float
    """The share of its faces that fp32 did not find."""
    labelled: int
    """Faces whose boxes people have drawn; 0 where nobody has, and the rest is 0 then."""
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
    """The cosine to fp32 that 1 % of the faces stay below."""
    accuracy_fp32: float
    accuracy: float
    shift: float
    """By how much the cosine at a false match rate of 1e-3 differs from fp32's."""


class Judgement(Measured):
    """What a gate measured of one form of a network, on people who took no part in making it.

    The embeddings of a detector's form are those of the whole variant: of the faces as it aligns
    them, by the recogniser that was kept.
    """

    form: str
    found: Findings | None = None
    """Of a detector."""
    speed_ratio: float
    """How many times as fast as fp32, on the machine of the gate."""
    faults: tuple[str, ...]
    """What it fails by; none: passed."""


class PartRecord(Record):
    """One network of a variant: what it was made of, and how that was judged."""

    name: str
    source_sha256: str
    """Of the file as it is shipped."""
    sha256: str | None = None
    """Of the variant's own file; None where no form passed: the part stays in fp32."""
    calibrated_on: int = 0
    """Crops, or images that a pass looks at."""
    judgements: tuple[Judgement, ...] = ()
    """Of each form that was tried; the last one is kept if it passed."""
    probe: tuple[float, ...] = ()
    """What it makes of a probe, on the machine of the gate."""


class VariantRecord(Record):
    """Beside each variant: its networks, how they were judged, and its thresholds."""

    variant: VariantName
    detector: PartRecord
    recogniser: PartRecord
    thresholds: Thresholds
    """Carried over from fp32: the gate bounds by how much they could be wrong."""
    made_with: str

    @property
    def parts(self) -> dict[str, PartRecord]:
        """Both networks, by their role."""
        return {"detector": self.detector, "recogniser": self.recogniser}

    @property
    def passed(self) -> bool:
        """Whether the gate let a form of either network through."""
        return any(part.sha256 is not None for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant's record, and by their role the networks that passed; others stay in fp32."""

    record: VariantRecord
    networks: dict[str, bytes]


def split_name(name: str) -> tuple[str, VariantName | None]:
    """A pack's name without its variant's, and that."""
    for variant in VARIANTS:
        if name.endswith(MARK + variant):
            return name.removesuffix(MARK + variant), variant
    return name, None


def pack_key(detector: str, recogniser: str) -> str:
    """What variants of a pack are kept under, made of the digests of both shipped files."""
    return sha256(f"{detector} {recogniser}".encode())[:32]


def record_path(cache: Path, key: str, variant: VariantName) -> Path:
    """Where the gate's record of a variant lies in the cache."""
    return cache / "models" / f"{key}-{variant}-{VERSION}.json"


def variant_path(cache: Path, key: str, variant: VariantName, role: str) -> Path:
    """Where a variant's network lies in the cache."""
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
    """What the gate said of a variant; None where there was no gate. Raises FatalError."""
    path = record_path(cache, key, variant)
    try:
        return VariantRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise FatalError(
            f"the record of a gate, {path}, cannot be read: make the variant again with "
            f"`headcount models prepare --variant {variant} --gate FOLDER`"
        ) from error


def find_variant(cache: Path, name: str, key: str, variant: VariantName) -> Variant:
    """The variant of the pack ``name``. Raises FatalError unless it passed a gate and is whole."""
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
    """Raise FatalError where this machine makes something else of a network than the gate's.

    ``here`` is what it makes of the probe.
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
