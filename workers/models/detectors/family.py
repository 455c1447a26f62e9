"""A family of detectors: networks that are recognised, fed and opened in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from headcount.settings import Settings
from workers.models.base import Detector, Floats, Image
from workers.models.detectors.boxes import filled, padded
from workers.models.model_file import ModelFile
from workers.models.onnx.pixels import blob, take_pixels

FINE, COARSE = 32, 128
"""Images are filled up to multiples of so many pixels; of the second for TensorRT, which takes long
over each new shape. One face of 200 at the edge of what is found then comes or goes."""


@dataclass(frozen=True, slots=True)
class PixelScaling:
    """The input of a family's networks: ``(value - mean) * scale`` of each pixel, RGB or BGR."""

    mean: float = 0.0
    scale: float = 1.0
    bgr: bool = False

    def built_into(self, data: bytes, name: str) -> bytes:
        """The model with this scaling in it: it takes pixels (``take_pixels``)."""
        return take_pixels(data, name, mean=self.mean, scale=self.scale, bgr=self.bgr)

    def planes(self, image: Image) -> Floats:
        """An image for a model that takes no pixels: 1 x 3 x height x width, filled up."""
        height, width = (filled(side, FINE) for side in image.shape[:2])
        pixels = padded(image, height, width)[None]
        return blob(pixels[..., ::-1] if self.bgr else pixels, self.mean, 1 / self.scale)


@dataclass(frozen=True, slots=True)
class DetectorFamily:
    """One family of detectors.

    ``name`` is what messages call it, ``matches`` tells its networks by their structure, and
    ``open`` makes a detector of one on the provider that is set (raises FatalError where it is not
    what its structure promises).
    """

    name: str
    matches: Callable[[onnx.ModelProto], bool]
    scaling: PixelScaling
    open: Callable[[ModelFile, Settings], Detector]


def side_multiple(settings: Settings) -> int:
    """Multiple of pixels to which the sides of images are filled up."""
    return COARSE if settings.provider == "tensorrt" else FINE
