"""Low-precision variants of a recogniser: how they are named, kept, and refused without a gate.

A variant is a network of its own, with descriptors, a digest and a pack id of its own. It is made
and judged by ``workers/gate.py``; what was found lies beside it in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from headcount.errors import FatalError
from headcount.messages import Record
from headcount.settings import VARIANTS, VariantName
from workers.models.base import Recogniser
from workers.models.prepare import VERSION, read_checked, sha256, write_checked
from workers.models.thresholds import Thresholds, probe

MARK = "+"
"""Between a pack's name and its variant's: ``embedded+int8``."""
SAME = 0.999
"""A machine runs a variant if its descriptor of the probe is so alike the one that was judged.

8-bit products saturate on processors without VNNI: there the same file is another network. 16-bit
floats are computed in 32 bits by a CPU, and overflow on a GPU."""


class Judgement(Record):
    """What a gate measured of one form of a variant, on people who took no part in making it."""

    form: str
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
    speed_ratio: float
    """How many times as fast as fp32, on the machine of the gate. For information only."""
    faults: tuple[str, ...]
    """What it fails by; none: passed."""


class VariantRecord(Record):
    """Beside each variant: what it was made of, how it was judged, and its thresholds."""

    variant: VariantName
    recogniser: str
    source_sha256: str
    """Of the recogniser's file as it is shipped."""
    sha256: str | None
    """Of the variant's own file; None where no form passed, so that there is none."""
    calibration_faces: int
    judgements: tuple[Judgement, ...]
    """Of each form that was tried; the last one is kept if it passed."""
    probe: tuple[float, ...]
    """The descriptor of the probe, on the machine of the gate."""
    thresholds: Thresholds
    """Carried over from fp32: the gate bounds by how much they could be wrong."""
    made_with: str

    @property
    def passed(self) -> bool:
        """Whether the gate let a form through."""
        return self.sha256 is not None


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant that passed its gate: its network and its record."""

    data: bytes
    record: VariantRecord


def split_name(name: str) -> tuple[str, VariantName | None]:
    """A pack's name without its variant's, and that."""
    for variant in VARIANTS:
        if name.endswith(MARK + variant):
            return name.removesuffix(MARK + variant), variant
    return name, None


def variant_path(cache: Path, source_sha256: str, variant: VariantName) -> Path:
    """Where a variant of the recogniser with this digest lies in the cache."""
    return cache / "models" / f"{source_sha256[:32]}-{variant}-{VERSION}.onnx"


def keep_variant(cache: Path, data: bytes | None, record: VariantRecord) -> Path:
    """Write a gate's record and, where a form passed, the network. Raises FatalError."""
    path = variant_path(cache, record.source_sha256, record.variant)
    try:
        write_checked(path.with_suffix(".json"), record.to_bytes())
        if data is not None:
            write_checked(path, data)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise FatalError(f"cannot keep the variant in {path.parent}: {error.strerror}") from error
    return path


def read_record(cache: Path, source_sha256: str, variant: VariantName) -> VariantRecord | None:
    """What the gate said of a variant; None where there was no gate. Raises FatalError."""
    path = variant_path(cache, source_sha256, variant).with_suffix(".json")
    try:
        return VariantRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise FatalError(
            f"the record of a gate, {path}, cannot be read: make the variant again with "
            f"`headcount models prepare --variant {variant} --gate FOLDER`"
        ) from error


def find_variant(cache: Path, name: str, source_sha256: str, variant: VariantName) -> Variant:
    """The variant of the pack ``name``. Raises FatalError unless it passed a gate and is whole."""
    record = read_record(cache, source_sha256, variant)
    order = f"`headcount models prepare --model {name} --variant {variant} --gate FOLDER`"
    if record is None:
        raise FatalError(
            f"the variant {variant} of {name} has passed no gate here: {order} makes it and "
            "measures it on your own labelled photos, one folder per person"
        )
    if not record.passed:
        faults = "; ".join(record.judgements[-1].faults) if record.judgements else "nothing tried"
        raise FatalError(
            f"the variant {variant} of {name} failed its gate ({faults}): use --model {name}, or "
            f"try other photos with {order}"
        )
    data = read_checked(variant_path(cache, source_sha256, variant))
    if data is None or sha256(data) != record.sha256:
        raise FatalError(
            f"the variant {variant} of {name} in the cache is damaged or missing: {order} makes "
            "it again, as a pack of its own; or use the copy that `--to` made"
        )
    return Variant(data, record)


def require_same_arithmetic(recogniser: Recogniser, record: VariantRecord) -> None:
    """Raise FatalError where this machine makes something else of the network than the gate's."""
    here = recogniser.embed(probe())[0]
    judged = np.asarray(record.probe, np.float32)
    if here.shape != judged.shape or float(here @ judged) < SAME:
        raise FatalError(
            f"the variant {record.variant} of {record.recogniser} gives other descriptors on this "
            "machine than where it passed its gate (processors differ in arithmetic of few bits): "
            "use the pack without a variant here"
        )
