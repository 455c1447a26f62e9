"""The families of detectors that headcount runs. A new family: its own module, and a line here."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from headcount.errors import FatalError
from workers.models.detectors import scrfd, yunet
from workers.models.detectors.family import DetectorFamily
from workers.models.model_file import ModelFile
from workers.models.onnx.prepare import parse

FAMILIES: tuple[DetectorFamily, ...] = (scrfd.FAMILY, yunet.FAMILY)


def match_family(
    model: onnx.ModelProto, families: Sequence[DetectorFamily] = FAMILIES
) -> DetectorFamily | None:
    """The family of a network; None for a network that is no detector."""
    return next((family for family in families if family.matches(model)), None)


def family_of(file: ModelFile, families: Sequence[DetectorFamily] = FAMILIES) -> DetectorFamily:
    """The family of a detector. Raises FatalError for a network that is none."""
    family = match_family(parse(file.data, file.name), families)
    if family is None:
        raise FatalError(f"{file.name} is no detector that headcount knows: {known_names()}")
    return family


def known_names() -> str:
    """The names of all families, as a message lists them."""
    *others, last = (family.name for family in FAMILIES)
    return f"{', '.join(others)}, or {last}"
