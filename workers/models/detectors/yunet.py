"""YuNet (https://doi.org/10.1007/s11633-023-1423-y), read as OpenCV's FaceDetectorYN reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from headcount.settings import Settings
from workers.models.base import Detections, Detector, Floats, Image, Scores
from workers.models.batching import Batched
from workers.models.detectors.batched import FeatureMaps, open_batched
from workers.models.detectors.boxes import Cells, corners_of, filled, merged, padded, suppress
from workers.models.detectors.device_form import add_constant, add_node, device_form
from workers.models.detectors.family import DetectorFamily, PixelScaling, side_multiple
from workers.models.model_file import ModelFile, open_network, ready_form, wants_batches
from workers.models.session import Network

STRIDES = (8, 16, 32)
OVERLAP = 0.4
KINDS = ("cls", "obj", "bbox", "kps")
"""Outputs of each feature map."""
OUTPUTS = len(KINDS) * len(STRIDES)
SCALING = PixelScaling(bgr=True)


class YuNet:
    """The detector of the embedded pack.

    The network takes pixels (``SCALING.built_into``). Images are filled up to multiples of
    ``multiple`` pixels.
    """

    scores = Scores(alone=0.6, agreed=0.5, support=0.4, sure=0.8, upright=0.915, exact_from=64)
    largest = None

    def __init__(self, session: Network, *, multiple: int = 32) -> None:
        self.session = session
        self._multiple = multiple
        self._input = next(iter(session.inputs))

    def detect(self, image: Image) -> Detections:
        """Detect faces in one pass; the image lies in the upper left of the network's input."""
        height, width = (filled(side, self._multiple) for side in image.shape[:2])
        pixels = padded(image, height, width)[None]
        outputs = dict(
            zip(self.session.outputs, self.session.run({self._input: pixels}), strict=True)
        )
        parts = [
            read_stride([outputs[f"{kind}_{s}"][0] for kind in KINDS], width, s) for s in STRIDES
        ]
        return merged(parts, OVERLAP)


def read_stride(outputs: Sequence[Floats], width: int, stride: int) -> Detections:
    """The faces that one feature map reports, in pixels of the network's input.

    ``outputs`` are those of KINDS, for M cells row by row: class and objectness M x 1, boxes
    M x 4, landmarks M x 10. ``width`` is that of the input.
    """
    cls, obj, bbox, kps = outputs
    scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    good = np.flatnonzero(scores >= YuNet.scores.support)
    return faces_of(Cells(scores[good], bbox[good], kps[good], good), width, stride)


def faces_of(found: Cells, width: int, stride: int) -> Detections:
    """The faces that some cells of one feature map report, each once."""
    if not len(found.scores):
        return Detections.none()
    corners = corners_of(found.numbers, width, stride)
    centres = corners + found.boxes[:, :2] * stride
    sizes = np.exp(found.boxes[:, 2:4]) * stride
    boxes = np.concatenate([centres - sizes / 2, sizes], axis=1)
    landmarks = found.points.reshape(-1, 5, 2) * stride + corners[:, None]
    kept = suppress(boxes, found.scores, OVERLAP)
    return Detections(
        boxes[kept].astype(np.float32),
        landmarks[kept].astype(np.float32),
        found.scores[kept].astype(np.float32),
    )


# -- on a device --------------------------------------------------------------------------------


def yunet_form(data: bytes, name: str) -> bytes:
    """A prepared YuNet as a GPU is given it (``device_form``). Raises FatalError."""
    return device_form(data, name, _heads, SCALING)


def _heads(graph: onnx.GraphProto, _name: str) -> list[tuple[str, str, str]]:
    """Scores as ``read_stride`` makes them, boxes and landmarks of each feature map."""
    heads = []
    for stride in STRIDES:
        likely = [f"{kind}_{stride}_likely" for kind in ("cls", "obj")]
        for kind, made in zip(("cls", "obj"), likely, strict=True):
            limits = [add_constant(graph, f"{made}_{n}", np.float32(n)) for n in (0, 1)]
            add_node(graph, "Clip", [f"{kind}_{stride}", *limits], made)
        add_node(graph, "Mul", likely, f"score_{stride}_squared")
        add_node(graph, "Sqrt", [f"score_{stride}_squared"], f"score_{stride}")
        heads.append((f"score_{stride}", f"bbox_{stride}", f"kps_{stride}"))
    return heads


MAPS = FeatureMaps(YuNet.scores, 1, OVERLAP, faces_of, yunet_form)


# -- opening ------------------------------------------------------------------------------------


def is_yunet(model: onnx.ModelProto) -> bool:
    """Whether a network has the outputs of YuNet."""
    return len(model.graph.output) == OUTPUTS


def open_yunet(file: ModelFile, settings: Settings) -> Detector:
    """Open a YuNet, prepared; it shares batches where that is of use. Raises FatalError."""
    ready = ready_form(file, settings, free_size=True)
    session = open_network(SCALING.built_into(ready, file.name), file, settings)
    multiple = side_multiple(settings)
    if not wants_batches(settings, session):
        return YuNet(session, multiple=multiple)
    together = open_batched(MAPS, ready, file, settings)
    return together or YuNet(Batched(session), multiple=multiple)


FAMILY = DetectorFamily("YuNet", is_yunet, SCALING, open_yunet)
