"""Images of several sizes in one batch: a network that does not see their padding.

A convolution pads with zeros at the edge of its input. Outside an image that lies in a larger one
there are no zeros, but values that earlier layers made of the padding, and they reach a hundred
pixels into the image. So everything outside is set to zero before each convolution that reads more
than one cell: the image then gives the same as alone. Exact where images end at a multiple of the
coarsest stride.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

FORWARD = ("Relu", "Add", "Mul", "Sub", "BatchNormalization", "PRelu", "LeakyRelu", "Clip")
"""Operators that make each cell of the cells at the same place."""
END = ("Transpose", "Sigmoid", "Reshape", "Shape")
"""Operators at which the maps of a detector end, or by which their sizes are computed."""
POOLS = ("MaxPool", "AveragePool")
FURTHEST = 1 << 30


def hide_margins(graph: onnx.GraphProto, image: str, inside: str) -> None:
    """Set values outside the image to zero, wherever a convolution would see them.

    ``image`` is the network's input as planes, ``inside`` N x 1 x H x W: 1 within the image, 0
    outside. Raises ValueError for a network in which padding is seen in other ways.
    """
    strides = _strides(graph, image)
    made: dict[str, onnx.NodeProto] = {}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        source = node.input[0] if node.input else ""
        if node.op_type == "Conv" and source in strides and _looks_around(node):
            mask = f"{inside} at {strides[source]}"
            hidden = f"{source} within"
            if mask not in made:
                made[mask] = at_stride(graph, inside, mask, strides[source])
                nodes.append(made[mask])
            if hidden not in made:
                made[hidden] = helper.make_node("Mul", [source, mask], [hidden])
                nodes.append(made[hidden])
            node.input[0] = hidden
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _strides(graph: onnx.GraphProto, image: str) -> dict[str, int]:
    """Stride of each map: the power of two by which it is smaller. Raises ValueError."""
    strides = {image: 1}
    for node in graph.node:
        known = {strides[name] for name in node.input if name in strides}
        if not known or node.op_type in END:
            continue
        if len(known) > 1:
            raise ValueError(f"{node.op_type} of maps of different sizes")
        strides[node.output[0]] = _stride_behind(node, known.pop())
    return strides


def _stride_behind(node: onnx.NodeProto, stride: int) -> int:
    told = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Conv":
        return stride * _equal(told.get("strides", [1, 1]))
    if node.op_type in POOLS and told["kernel_shape"] == told.get("strides"):
        return stride * _equal(told["strides"])
    if node.op_type == "Resize" and told.get("mode", b"nearest") == b"nearest" and stride > 1:
        return stride // 2
    if node.op_type in FORWARD:
        return stride
    raise ValueError(f"{node.op_type} sees beyond the image")


def _equal(sizes: list[int]) -> int:
    if len(set(sizes)) != 1:
        raise ValueError("a step that is not square")
    return sizes[0]


def _looks_around(node: onnx.NodeProto) -> bool:
    """Whether a convolution reads more than one cell."""
    told: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return any(size > 1 for size in told.get("kernel_shape", [FURTHEST]))


def at_stride(graph: onnx.GraphProto, inside: str, name: str, stride: int) -> onnx.NodeProto:
    """A node that gives the mask at a stride."""
    if stride == 1:
        return helper.make_node("Identity", [inside], [name])
    values = {"from": [0, 0], "to": [FURTHEST] * 2, "axes": [2, 3], "steps": [stride] * 2}
    for role, numbers in values.items():
        tensor = numpy_helper.from_array(np.array(numbers, np.int64), f"{name}, {role}")
        graph.initializer.append(tensor)
    return helper.make_node("Slice", [inside, *(f"{name}, {role}" for role in values)], [name])
