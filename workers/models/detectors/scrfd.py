"""SCRFD (https://arxiv.org/abs/2105.04714), fed and read as insightface's model zoo does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from headcount.errors import FatalError, TransientError
from headcount.settings import Settings
from workers.models.base import Detections, Detector, Floats, Image, Scores
from workers.models.batching import Batched
from workers.models.detectors.batched import FeatureMaps, open_batched
from workers.models.detectors.boxes import Cells, corners_of, filled, merged, padded
from workers.models.detectors.device_form import add_constant, device_form
from workers.models.detectors.family import DetectorFamily, PixelScaling, side_multiple
from workers.models.model_file import ModelFile, open_network, ready_form, wants_batches
from workers.models.onnx.prepare import parse, real_inputs
from workers.models.session import Network, Session

OVERLAP = 0.4
STRIDES = (8, 16, 32)
ANCHORS = 2
OUTPUTS = 9
"""Scores, boxes and points of three feature maps."""
OUTPUTS_WITHOUT_LANDMARKS = 6
SCALING = PixelScaling(mean=127.5, scale=1 / 128)
ROUNDED = 0.02
"""Largest difference of a GPU's products from one batch to another; mixed images differ by far."""


class Scrfd:
    """The detector of insightface's packs.

    The network takes pixels (``SCALING.built_into``). Images are filled up to
    multiples of ``multiple`` pixels. Raises FatalError for a network without landmarks.
    """

    scores = Scores(
        alone=0.5, agreed=0.4, support=0.3, sure=0.7, upright=0.76, exact_from=80, closer=False
    )

    def __init__(self, session: Network, *, name: str, multiple: int = 32) -> None:
        if len(session.outputs) != OUTPUTS:
            raise FatalError(
                f"the detector {name} has {len(session.outputs)} outputs: headcount needs an SCRFD "
                "with 5 landmarks (9 outputs; the file name has _kps or is that of a buffalo pack)"
            )
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        self.largest = shape[1]
        self._multiple = multiple

    def detect(self, image: Image) -> Detections:
        """Detect faces in one pass; the image lies in the upper left of the network's input."""
        height, width = (self.largest or filled(side, self._multiple) for side in image.shape[:2])
        pixels = padded(image, height, width)[None]
        outputs = [o.reshape(-1, o.shape[-1]) for o in self._session.run({self._input: pixels})]
        parts = [
            read_stride(outputs[index :: len(STRIDES)], width, stride)
            for index, stride in enumerate(STRIDES)
        ]
        return merged(parts, OVERLAP)


def by_image(outputs: list[NDArray[Any]], count: int) -> list[NDArray[Any]]:
    """The outputs of a batch of ``count`` images with the image as the first axis.

    A network whose batch axis was freed folds it between cells and anchors: the rows of all
    images of a cell lie beside each other, and are interleaved, not lost.
    """
    return [
        output
        if output.ndim == 3
        else output.reshape(-1, count, ANCHORS, output.shape[-1])
        .transpose(1, 0, 2, 3)
        .reshape(count, -1, output.shape[-1])
        for output in outputs
    ]


def read_stride(outputs: Sequence[Floats], width: int, stride: int) -> Detections:
    """The faces that one feature map reports, in pixels of the network's input.

    ``outputs`` are, for M anchors row by row: scores M x 1, boxes M x 4 (distances to the left,
    top, right and bottom edge, in strides), landmarks M x 10. ``width`` is that of the input.
    """
    scores, boxes, points = outputs
    good = np.flatnonzero(scores[:, 0] >= Scrfd.scores.support)
    return faces_of(Cells(scores[good, 0], boxes[good], points[good], good), width, stride)


def faces_of(found: Cells, width: int, stride: int) -> Detections:
    """The faces that some anchors of one feature map report."""
    anchors = corners_of(found.numbers, width, stride, ANCHORS)
    edges = found.boxes * stride
    corner = anchors - edges[:, :2]
    landmarks = found.points.reshape(-1, 5, 2) * stride + anchors[:, None]
    return Detections(
        np.concatenate([corner, edges[:, :2] + edges[:, 2:]], axis=1).astype(np.float32),
        landmarks.astype(np.float32),
        found.scores.astype(np.float32),
    )


# -- on a device --------------------------------------------------------------------------------


def scrfd_form(data: bytes, name: str) -> bytes:
    """An SCRFD of free axes as a GPU is given it (``device_form``).

    Raises FatalError for a network whose heads are not where SCRFD has them.
    """
    return device_form(data, name, _heads, SCALING, ANCHORS)


def _heads(graph: onnx.GraphProto, name: str) -> list[tuple[str, str, str]]:
    """The outputs of each feature map, made to keep images apart. Raises FatalError."""
    outputs = [value.name for value in graph.output]
    if len(outputs) != OUTPUTS:
        raise FatalError(f"the detector {name} has {len(outputs)} outputs, and no landmarks")
    for number, output in enumerate(outputs):
        width = (1, 4, 10)[number // 3]
        if not _keep_batch(graph, output, width):
            raise FatalError(f"the heads of the detector {name} are not those of an SCRFD")
    return list(zip(*(outputs[n : n + 3] for n in (0, 3, 6)), strict=True))


def _keep_batch(graph: onnx.GraphProto, output: str, width: int) -> bool:
    """Make a head of SCRFD give N x cells x ``width``; False where it is none.

    It ends in a Transpose of N x C x H x W and a Reshape to rows. insightface's files permute to
    H x W x N x C, so that the rows of several images come out interleaved; N x H x W x C keeps
    them apart.
    """
    made_by = {name: node for node in graph.node for name in node.output}
    chain = list(_upwards(made_by, output))
    reshapes = [node for node in chain if node.op_type == "Reshape"]
    transposes = [node for node in chain if node.op_type == "Transpose"]
    if len(reshapes) != 1 or len(transposes) != 1:
        return False
    (perm,) = transposes[0].attribute
    if list(perm.ints) not in ([2, 3, 0, 1], [0, 2, 3, 1]):
        return False
    perm.ints[:] = [0, 2, 3, 1]
    shape = np.array([0, -1, width], np.int64)
    reshapes[0].input[1] = add_constant(graph, f"{output} by image", shape)
    return True


def _upwards(
    made_by: dict[str, onnx.NodeProto], name: str, through: Sequence[str] = ("Sigmoid", "Reshape")
) -> Iterator[onnx.NodeProto]:
    """The nodes from an output up to the first Transpose, or to what is no part of a head."""
    while (node := made_by.get(name)) is not None:
        yield node
        if node.op_type not in through:
            return
        name = node.input[0]


MAPS = FeatureMaps(Scrfd.scores, ANCHORS, OVERLAP, faces_of, scrfd_form)


# -- opening ------------------------------------------------------------------------------------


def is_scrfd(model: onnx.ModelProto) -> bool:
    """Whether a network has the outputs of an SCRFD, with landmarks or without."""
    return len(model.graph.output) in (OUTPUTS, OUTPUTS_WITHOUT_LANDMARKS)


def open_scrfd(file: ModelFile, settings: Settings) -> Detector:
    """Open an SCRFD, its axes freed where that is of use and it then detects the same.

    It is of use where it shares batches, or was shipped for images of one size. Raises FatalError.
    """
    multiple = side_multiple(settings)
    if _takes_any_size(file):
        shipped = _taking_pixels(file.data, file, settings)
        if not wants_batches(settings, shipped):
            return Scrfd(shipped, name=file.name, multiple=multiple)
    ready = _freed_form(file, settings)
    if ready is None:
        shipped = _taking_pixels(file.data, file, settings)
        return Scrfd(shipped, name=file.name, multiple=multiple)
    freed = _taking_pixels(ready, file, settings)
    if not wants_batches(settings, freed):
        return Scrfd(freed, name=file.name, multiple=multiple)
    together = open_batched(MAPS, ready, file, settings)
    return together or Scrfd(Batched(freed, by_image), name=file.name, multiple=multiple)


FAMILY = DetectorFamily("SCRFD with landmarks", is_scrfd, SCALING, open_scrfd)


def _takes_any_size(file: ModelFile) -> bool:
    """Whether a detector was shipped for images of any height and width."""
    (value,) = real_inputs(parse(file.data, file.name).graph)
    return not any(axis.dim_value for axis in value.type.tensor_type.shape.dim[2:])


def _freed_form(file: ModelFile, settings: Settings) -> bytes | None:
    """An SCRFD with its axes freed; None for one that then detects something else.

    It is tried on the CPU: TensorRT would take minutes to build engines for the attempt.
    """
    cpu = settings.model_copy(update={"provider": "cpu"})
    try:
        ready = ready_form(file, settings, free_size=True)
        shipped, freed = (_taking_pixels(data, file, cpu) for data in (file.data, ready))
        same = same_when_freed(shipped, freed)
    except FatalError:
        return None
    return ready if same else None


def _taking_pixels(data: bytes, file: ModelFile, settings: Settings) -> Session:
    """A form of an SCRFD, opened as a network that takes pixels."""
    return open_network(SCALING.built_into(data, file.name), file, settings)


def same_when_freed(shipped: Network, freed: Network) -> bool:
    """Whether an SCRFD whose axes were freed gives for two images together what it gave for each.

    It must also take an image of another size. Networks that fold the batch in another way than
    ``by_image`` unfolds, or hold a size in a constant, do not.
    """
    name, shape = next(iter(shipped.inputs.items()))
    height, width = (side or 128 for side in shape[1:3])
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    larger = np.zeros((1, height + 96, width + 32, 3), np.uint8)
    try:
        together = by_image(freed.run({name: images}), len(images))
        cells = [output.size // output.shape[-1] for output in freed.run({name: larger})]
    except (TransientError, ValueError):
        return False
    for number, image in enumerate(images):
        alone = shipped.run({name: image[None]})
        for one, other in zip(alone, together, strict=True):
            if not np.allclose(one.reshape(other[number].shape), other[number], ROUNDED, ROUNDED):
                return False
    wanted = [ANCHORS * (larger[0, ..., 0].size // stride**2) for stride in STRIDES]
    return cells == wanted * (len(cells) // len(STRIDES))
