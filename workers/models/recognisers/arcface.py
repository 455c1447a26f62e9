"""Recognisers of the ArcFace family, SFace among them, as insightface's ArcFaceONNX feeds them."""

from __future__ import annotations

import numpy as np
import onnx

from headcount.errors import FatalError, TransientError
from workers.models.base import Floats, Image, Recogniser
from workers.models.session import Network

CROP = 112
BATCH = 16
"""Faces of one request; on a GPU requests are run together (batching.py)."""
SAME = 0.999
TRIAL_CROPS = np.random.default_rng(0).integers(0, 256, (4, CROP, CROP, 3), np.uint8)
"""Crops by which a network is tried when it is opened: a batch of a size that comes again."""


def input_scaling(graph: onnx.GraphProto) -> tuple[float, float]:
    """Mean and scale of a recogniser's input: 0 and 1 where the network subtracts by itself.

    insightface's rule: it does if Sub and Mul nodes are among its first eight.
    """
    names = [node.name for node in graph.node if node.op_type != "DequantizeLinear"][:8]
    subtracts = any(name.startswith(("Sub", "_minus")) for name in names)
    multiplies = any(name.startswith(("Mul", "_mul")) for name in names)
    return (0.0, 1.0) if subtracts and multiplies else (127.5, 127.5)


def unit_length(vectors: Floats) -> Floats:
    """Rows of unit length; zeros where a row has no direction."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    good = np.isfinite(lengths) & (lengths > 0)
    return np.where(good, vectors / np.where(good, lengths, 1), 0).astype(np.float32)


class ArcFace:
    """Embeddings of aligned faces, by a network that takes pixels (``take_pixels``).

    Raises FatalError for a network that is no recogniser of 112 x 112 faces.
    """

    def __init__(self, session: Network, *, name: str) -> None:
        self.network = session
        self._input, shape = next(iter(session.inputs.items()))
        if shape[1] != CROP or shape[2] != CROP or len(session.outputs) != 1:
            raise FatalError(
                f"the recogniser {name} takes {shape}: headcount aligns faces to 112 x 112"
            )
        self._dimensions = self._tried(name)
        self.takes_batches = self._tells_apart()
        self._batch = BATCH if self.takes_batches else 1

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        return self._dimensions

    def embed(self, crops: Image) -> Floats:
        """Embeddings of N crops (N x 112 x 112 x 3, RGB): N x D, each of unit length.

        A crop for which the network gives zeros, or no numbers, gets zeros, which match no face.
        Raises TransientError where the device failed.
        """
        return unit_length(self.features(crops))

    def features(self, crops: Image) -> Floats:
        """Output of the network for N crops (N x 112 x 112 x 3, RGB), N x D.

        Raises TransientError where the device failed.
        """
        if not len(crops):
            return np.zeros((0, self._dimensions), np.float32)
        parts = [
            self._run(crops[start : start + self._batch])
            for start in range(0, len(crops), self._batch)
        ]
        return np.concatenate(parts)

    def _tried(self, name: str) -> int:
        """Try the network; the length of an embedding. Raises FatalError where it gives none."""
        try:
            output = self._run(TRIAL_CROPS[:1])
        except TransientError as error:
            raise FatalError(f"the recogniser {name} cannot embed a face: {error}") from error
        if output.ndim != 2 or len(output) != 1 or not unit_length(output).any():
            raise FatalError(
                f"the recogniser {name} gives {output.shape} numbers for a face, and no embedding"
            )
        return int(output.shape[1])

    def _tells_apart(self) -> bool:
        """Whether faces embedded together get the embeddings that they get alone.

        A free batch axis does not promise it: a Reshape within may have been made for one face.
        """
        alone = np.concatenate([self._run(crop[None]) for crop in TRIAL_CROPS])
        try:
            together = self._run(TRIAL_CROPS)
        except TransientError:
            return False
        return together.shape == alone.shape and bool(
            ((unit_length(together) * unit_length(alone)).sum(axis=1) > SAME).all()
        )

    def _run(self, crops: Image) -> Floats:
        (output,) = self.network.run({self._input: crops})
        return np.asarray(output, np.float32)


def embed_in_full(recogniser: Recogniser, crops: Image) -> Floats:
    """Embed N crops (N x 112 x 112 x 3) in full requests: N x D.

    The last is filled up: a GPU makes its plans anew for each number of crops.
    """
    whole = len(crops) - len(crops) % BATCH
    rest = crops[whole:]
    if not len(rest):
        return recogniser.embed(crops)
    filled = np.concatenate([rest, rest[:1].repeat(BATCH - len(rest), axis=0)])
    return np.concatenate([recogniser.embed(crops[:whole]), recogniser.embed(filled)[: len(rest)]])
