"""Recognisers of the ArcFace family, SFace among them, as insightface's ArcFaceONNX feeds them."""

from __future__ import annotations

import numpy as np
import onnx

from headcount.errors import FatalError, TransientError
from workers.models.base import Floats, Image
from workers.models.session import Session

CROP = 112
BATCH = 16


def input_scaling(graph: onnx.GraphProto) -> tuple[float, float]:
    """Mean and scale of a recogniser's input: 0 and 1 where the network subtracts by itself.

    insightface's rule: it does if Sub and Mul nodes are among its first eight.
    """
    names = [node.name for node in graph.node if node.op_type != "DequantizeLinear"][:8]
    subtracts = any(name.startswith(("Sub", "_minus")) for name in names)
    multiplies = any(name.startswith(("Mul", "_mul")) for name in names)
    return (0.0, 1.0) if subtracts and multiplies else (127.5, 127.5)


class ArcFace:
    """Descriptors of aligned faces."""

    def __init__(self, session: Session, *, mean: float, std: float, name: str) -> None:
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        if shape[2] != CROP or shape[3] != CROP or len(session.outputs) != 1:
            raise FatalError(
                f"the recogniser {name} takes {shape}: headcount aligns faces to 112 x 112"
            )
        self._mean, self._std = mean, std
        self._batch = shape[0] or BATCH
        self._dimensions = int(self._run(np.zeros((1, CROP, CROP, 3), np.uint8)).shape[1])

    @property
    def dimensions(self) -> int:
        """The length of a descriptor."""
        return self._dimensions

    def embed(self, crops: Image) -> Floats:
        """Descriptors of N crops (N x 112 x 112 x 3, RGB): N x D, each of unit length."""
        if not len(crops):
            return np.zeros((0, self._dimensions), np.float32)
        parts = [
            self._run(crops[start : start + self._batch])
            for start in range(0, len(crops), self._batch)
        ]
        descriptors = np.concatenate(parts)
        lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise TransientError("the recogniser gave a descriptor without a direction")
        return np.asarray(descriptors / lengths, np.float32)

    def _run(self, crops: Image) -> Floats:
        blob = ((crops.astype(np.float32) - self._mean) / self._std).transpose(0, 3, 1, 2)
        (output,) = self._session.run({self._input: np.ascontiguousarray(blob)})
        return np.asarray(output, np.float32)
