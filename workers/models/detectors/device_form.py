"""The form of detectors for a GPU: images of several sizes in one batch, few numbers out.

Pure functions of ONNX models, made of operators that opset 11 has. A network in this form computes
the same as the plain network and the code around it; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from headcount.errors import FatalError
from workers.models.detectors.family import PixelScaling
from workers.models.onnx.margins import at_stride, hide_margins
from workers.models.onnx.pixels import PIXELS
from workers.models.onnx.prepare import parse, real_inputs

STRIDES = (8, 16, 32)
INSIDE = "inside"
READ = "read"
CHANNELS = 4
IMAGE, UNREAD = 1, 2
"""The fourth channel where the image is: its cells come back, or are only seen by their neighbours.
0 is outside."""
BEST = 2048
"""Cells of one image that come back, the best by score. A face has about ten that are good enough;
TensorRT sorts no more than 3,840. Where more are good, the image is read part by part."""
NUMBERS = 15
"""Numbers of each cell, as the network gives them: score, four of the box, ten of landmarks."""
LEAST_OPSET = 11

Heads = Callable[[onnx.GraphProto, str], list[tuple[str, str, str]]]
"""Names a network's outputs for each feature map, N x cells x 1, 4 and 10: scores, boxes and
landmarks; changes the graph where it must, and raises FatalError where that is not possible."""


def device_form(
    data: bytes, name: str, heads: Heads, scaling: PixelScaling, anchors: int = 1
) -> bytes:
    """Make a detector of free axes take N images with their margins, and give the best cells.

    Input: N x H x W x 4 bytes, red, green, blue, and IMAGE, UNREAD or 0. Outputs: ``found`` N x
    BEST x NUMBERS and ``cells`` N x BEST, numbers among all cells of the three feature maps, of
    which each place has ``anchors``. Cells outside the image, or unread, have a score of 0.
    Raises FatalError for a network that has no such heads, or that sees margins in ways that
    cannot be hidden.
    """
    model = parse(data, name)
    _require_opset(model, name)
    _give_best(model, _hide_scores(model.graph, heads(model.graph, name), anchors))
    return _with_pixels(model, name, scaling)


def _require_opset(model: onnx.ModelProto, name: str) -> None:
    """Raise FatalError for a network of older operators than these are made of."""
    version = max((o.version for o in model.opset_import if o.domain == ""), default=0)
    if version < LEAST_OPSET:
        raise FatalError(f"the detector {name} has opset {version}, below {LEAST_OPSET}")


# -- the input ----------------------------------------------------------------------------------


def _with_pixels(model: onnx.ModelProto, name: str, scaling: PixelScaling) -> bytes:
    """Put nodes before the network that make its input of pixels; hide the margins from it.

    As ``take_pixels`` in workers/models/onnx/pixels.py, but the cast comes first: TensorRT takes
    bytes for nothing else.
    """
    graph = model.graph
    (value,) = real_inputs(graph)
    try:
        hide_margins(graph, value.name, INSIDE)
    except ValueError as error:
        raise FatalError(f"the margins of images cannot be hidden from {name}: {error}") from error
    turned = [2, 1, 0] if scaling.bgr else [0, 1, 2]
    fourth = add_constant(graph, "the fourth", np.array([3], np.int64))
    order = add_constant(graph, "colours in order", np.array(turned))
    steps = [
        helper.make_node("Cast", [PIXELS], ["as floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["as floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["planes", fourth], ["marks"], axis=1),
        *_masks(graph),
        helper.make_node("Gather", ["planes", order], ["colours"], axis=1),
    ]
    if (scaling.mean, scaling.scale) != (0.0, 1.0):
        middle = add_constant(graph, "mean of pixels", np.float32(scaling.mean))
        factor = add_constant(graph, "scale of pixels", np.float32(scaling.scale))
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


def _masks(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that make masks of the marks: 1 INSIDE the image, and where it is READ."""
    limits = [add_constant(graph, f"mark {mark}", np.float32(mark)) for mark in (0, IMAGE)]
    unread = add_constant(graph, f"mark {UNREAD}", np.float32(UNREAD))
    return [
        helper.make_node("Clip", ["marks", *limits], [INSIDE]),
        helper.make_node("Sub", [unread, "marks"], ["steps to unread"]),
        helper.make_node("Mul", [INSIDE, "steps to unread"], [READ]),
    ]


# -- the output ---------------------------------------------------------------------------------


def _hide_scores(
    graph: onnx.GraphProto, heads: list[tuple[str, str, str]], anchors: int
) -> list[tuple[str, str, str]]:
    """Set the scores of cells outside the image, or unread, to zero; the heads with these scores.

    Outside nothing is seen but a network's own biases. SCRFD gives all these cells a score of 0.4,
    and a wide margin has more of them than come back: they would take the places of unsure faces.
    """
    rows = add_constant(graph, "rows of scores", np.array([0, -1, 1], np.int64))
    hidden = []
    for stride, (scores, boxes, points) in zip(STRIDES, heads, strict=True):
        mask = f"cells read at {stride}"
        graph.node.append(at_stride(graph, READ, f"{mask}, once", stride))
        add_node(graph, "Concat", [f"{mask}, once"] * anchors, f"{mask}, each", axis=1)
        add_node(graph, "Transpose", [f"{mask}, each"], f"{mask}, last", perm=[0, 2, 3, 1])
        add_node(graph, "Reshape", [f"{mask}, last", rows], mask)
        add_node(graph, "Mul", [scores, mask], f"{scores} read")
        hidden.append((f"{scores} read", boxes, points))
    return hidden


def _give_best(model: onnx.ModelProto, heads: list[tuple[str, str, str]]) -> None:
    """Put nodes behind the network that keep the BEST cells of each image.

    ``heads`` are the scores, boxes and landmarks of each feature map, N x cells x 1, 4 and 10. An
    image of fewer cells is filled up with cells of a score of -1.
    """
    graph = model.graph
    maps = [f"map_{number}" for number in range(len(heads))]
    for head, made in zip(heads, maps, strict=True):
        add_node(graph, "Concat", head, made, axis=2)
    add_node(graph, "Concat", maps, "every cell", axis=1)
    room = add_constant(graph, "room", np.array([0, 0, 0, 0, BEST, 0], np.int64))
    nothing = add_constant(graph, "no score", np.float32(-1))
    add_node(graph, "Pad", ["every cell", room, nothing], "cells and room", mode="constant")
    first = add_constant(graph, "where scores are", np.int64(0))
    add_node(graph, "Gather", ["cells and room", first], "every score", axis=2)
    most = add_constant(graph, "how many", np.array([BEST], np.int64))
    add_node(graph, "TopK", ["every score", most], ["best scores", "cells"], axis=1)
    column = add_constant(graph, "as a column", np.array([0, BEST, 1], np.int64))
    add_node(graph, "Reshape", ["cells", column], "cells below each other")
    wide = add_constant(graph, "all numbers", np.array([1, 1, NUMBERS], np.int64))
    add_node(graph, "Tile", ["cells below each other", wide], "cells of all numbers")
    add_node(graph, "GatherElements", ["cells and room", "cells of all numbers"], "found", axis=1)
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("found", TensorProto.FLOAT, ["N", BEST, NUMBERS]),
            helper.make_tensor_value_info("cells", TensorProto.INT64, ["N", BEST]),
        ]
    )


def add_node(
    graph: onnx.GraphProto,
    operator: str,
    inputs: Sequence[str],
    outputs: str | list[str],
    **attributes: int | str | list[int],
) -> None:
    """Add a node behind those that are there."""
    made = [outputs] if isinstance(outputs, str) else outputs
    graph.node.append(helper.make_node(operator, list(inputs), made, **attributes))


def add_constant(graph: onnx.GraphProto, name: str, value: NDArray[Any] | np.generic) -> str:
    """Add a constant; its name."""
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name
