"""Detectors as a GPU is given them: images of several sizes in one batch, few numbers out.

Pure functions of ONNX models, made of operators that opset 11 has. What they compute is what the
plain network and the code around it compute; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from headcount.errors import FatalError
from workers.models.detectors.scrfd import MEAN, SCALE
from workers.models.onnx.margins import hide_margins
from workers.models.onnx.prepare import PIXELS, parse, real_inputs

INSIDE = "inside"
CHANNELS = 4
BEST = 2048
"""Cells of one image that come back, the best by score. A face has about ten that are good enough;
TensorRT sorts no more than 3,840."""
NUMBERS = 15
"""Of each cell: its score, four of the box, ten of the landmarks, as the network gives them."""
LEAST_OPSET = 11
HEADS = 9
"""Of an SCRFD with landmarks: scores, boxes and points of three feature maps."""


def scrfd_form(data: bytes, name: str) -> bytes:
    """An SCRFD of free axes that takes N images with their margins, and gives the best cells.

    Input: N x H x W x 4 bytes, red, green, blue, and 1 where the image is. Outputs: ``found`` N x
    BEST x NUMBERS and ``cells`` N x BEST, numbers among all cells of the three feature maps.
    Raises FatalError for a network whose heads are not where SCRFD has them, or that sees margins
    in ways that cannot be hidden.
    """
    model = parse(data, name)
    _require_opset(model, name)
    outputs = [value.name for value in model.graph.output]
    if len(outputs) != HEADS:
        raise FatalError(f"the detector {name} has {len(outputs)} outputs, and no landmarks")
    for number, output in enumerate(outputs):
        width = (1, 4, 10)[number // 3]
        if not _keep_batch(model.graph, output, width):
            raise FatalError(f"the heads of the detector {name} are not those of an SCRFD")
    _give_best(model, list(zip(*(outputs[n : n + 3] for n in (0, 3, 6)), strict=True)))
    return _with_pixels(model, name, mean=MEAN, scale=SCALE)


def yunet_form(data: bytes, name: str) -> bytes:
    """A prepared YuNet, with the input and the outputs of scrfd_form. Raises FatalError."""
    model = parse(data, name)
    _require_opset(model, name)
    graph = model.graph
    heads = []
    for stride in (8, 16, 32):
        likely = [f"{kind}_{stride}_likely" for kind in ("cls", "obj")]
        for kind, made in zip(("cls", "obj"), likely, strict=True):
            limits = [_constant(graph, f"{made}_{n}", np.float32(n)) for n in (0, 1)]
            _add(graph, "Clip", [f"{kind}_{stride}", *limits], made)
        _add(graph, "Mul", likely, f"score_{stride}_squared")
        _add(graph, "Sqrt", [f"score_{stride}_squared"], f"score_{stride}")
        heads.append((f"score_{stride}", f"bbox_{stride}", f"kps_{stride}"))
    _give_best(model, heads)
    return _with_pixels(model, name, bgr=True)


def _require_opset(model: onnx.ModelProto, name: str) -> None:
    version = max((o.version for o in model.opset_import if o.domain == ""), default=0)
    if version < LEAST_OPSET:
        raise FatalError(f"the detector {name} has opset {version}, below {LEAST_OPSET}")


# -- what goes in -------------------------------------------------------------------------------


def _with_pixels(
    model: onnx.ModelProto, name: str, *, mean: float = 0.0, scale: float = 1.0, bgr: bool = False
) -> bytes:
    """Put before the network what makes its input of pixels, and hide their margins from it.

    As ``take_pixels`` in workers/models/onnx/prepare.py, but the cast comes first: TensorRT takes
    bytes for nothing else.
    """
    graph = model.graph
    (value,) = real_inputs(graph)
    try:
        hide_margins(graph, value.name, INSIDE)
    except ValueError as error:
        raise FatalError(f"the margins of images cannot be hidden from {name}: {error}") from error
    fourth = _constant(graph, "the fourth", np.array([3], np.int64))
    order = _constant(graph, "colours in order", np.array([2, 1, 0] if bgr else [0, 1, 2]))
    steps = [
        helper.make_node("Cast", [PIXELS], ["as floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["as floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["planes", fourth], [INSIDE], axis=1),
        helper.make_node("Gather", ["planes", order], ["colours"], axis=1),
    ]
    if (mean, scale) != (0.0, 1.0):
        middle = _constant(graph, "mean of pixels", np.float32(mean))
        factor = _constant(graph, "scale of pixels", np.float32(scale))
        steps.append(helper.make_node("Sub", ["colours", middle], ["centred"]))
        steps.append(helper.make_node("Mul", ["centred", factor], ["scaled"]))
    steps[-1].output[0] = value.name
    plain = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*steps, *plain])
    graph.input.append(
        helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, ["N", "H", "W", CHANNELS])
    )
    return bytes(model.SerializeToString())


# -- what comes out -----------------------------------------------------------------------------


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
    reshapes[0].input[1] = _constant(graph, f"{output} by image", shape)
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


def _give_best(model: onnx.ModelProto, heads: list[tuple[str, str, str]]) -> None:
    """Put behind the network what keeps the BEST cells of each image.

    ``heads`` are the scores, boxes and landmarks of each feature map, N x cells x 1, 4 and 10. An
    image of fewer cells is filled up with cells of a score of -1.
    """
    graph = model.graph
    for number, head in enumerate(heads):
        _add(graph, "Concat", head, f"map_{number}", axis=2)
    _add(graph, "Concat", [f"map_{number}" for number in range(len(heads))], "every cell", axis=1)
    room = _constant(graph, "room", np.array([0, 0, 0, 0, BEST, 0], np.int64))
    nothing = _constant(graph, "no score", np.float32(-1))
    _add(graph, "Pad", ["every cell", room, nothing], "cells and room", mode="constant")
    first = _constant(graph, "where scores are", np.int64(0))
    _add(graph, "Gather", ["cells and room", first], "every score", axis=2)
    most = _constant(graph, "how many", np.array([BEST], np.int64))
    _add(graph, "TopK", ["every score", most], ["best scores", "cells"], axis=1)
    column = _constant(graph, "as a column", np.array([0, BEST, 1], np.int64))
    _add(graph, "Reshape", ["cells", column], "cells below each other")
    wide = _constant(graph, "all numbers", np.array([1, 1, NUMBERS], np.int64))
    _add(graph, "Tile", ["cells below each other", wide], "cells of all numbers")
    _add(graph, "GatherElements", ["cells and room", "cells of all numbers"], "found", axis=1)
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("found", TensorProto.FLOAT, ["N", BEST, NUMBERS]),
            helper.make_tensor_value_info("cells", TensorProto.INT64, ["N", BEST]),
        ]
    )


def _add(
    graph: onnx.GraphProto,
    operator: str,
    inputs: Sequence[str],
    outputs: str | list[str],
    **attributes: int | str,
) -> None:
    made = [outputs] if isinstance(outputs, str) else outputs
    graph.node.append(helper.make_node(operator, list(inputs), made, **attributes))


def _constant(graph: onnx.GraphProto, name: str, value: NDArray[Any] | np.generic) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name
