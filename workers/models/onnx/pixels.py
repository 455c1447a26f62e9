"""Images as the input of a network: pixels that the network scales by itself, or scaled planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from headcount.errors import FatalError
from workers.models.base import Floats, Image
from workers.models.onnx.prepare import parse, real_inputs, replace_all

PIXELS = "headcount_pixels"
"""The input of a model that takes pixels."""


def take_pixels(
    data: bytes, name: str, *, mean: float = 0.0, scale: float = 1.0, bgr: bool = False
) -> bytes:
    """Build ``(value - mean) * scale`` into a model: it then takes N x H x W x 3 of uint8, RGB.

    The output is the same, bit for bit, and costs the same on a CPU; a GPU is sent a quarter of the
    bytes. ``bgr``: the model itself wants its colours the other way round. Raises FatalError for a
    model that takes no image.
    """
    model = parse(data, name)
    graph = model.graph
    try:
        [given] = real_inputs(graph)
        batch, _, height, width = given.type.tensor_type.shape.dim
    except ValueError as error:
        raise FatalError(f"the model {name} takes no image: it is none that finds faces") from error
    pixels = helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, [1, 1, 1, 3])
    for axis, size in enumerate((batch, height, width)):
        pixels.type.tensor_type.shape.dim[axis].CopyFrom(size)
    constants = {
        f"{PIXELS}_turned": np.array([2, 1, 0], np.int64),
        f"{PIXELS}_mean": np.float32(mean),
        f"{PIXELS}_scale": np.float32(scale),
    }
    graph.initializer.extend(numpy_helper.from_array(np.array(v), k) for k, v in constants.items())
    steps: list[tuple[str, list[str], dict[str, Any]]] = [("Transpose", [], {"perm": [0, 3, 1, 2]})]
    if bgr:
        steps.append(("Gather", [f"{PIXELS}_turned"], {"axis": 1}))
    steps.append(("Cast", [], {"to": TensorProto.FLOAT}))
    if (mean, scale) != (0.0, 1.0):
        steps += [("Sub", [f"{PIXELS}_mean"], {}), ("Mul", [f"{PIXELS}_scale"], {})]
    names = [PIXELS, *(f"{PIXELS}_{n}" for n in range(len(steps) - 1)), given.name]
    nodes = [
        helper.make_node(kind, [names[n], *more], [names[n + 1]], **attributes)
        for n, (kind, more, attributes) in enumerate(steps)
    ]
    replace_all(graph.input, [pixels])
    replace_all(graph.node, [*nodes, *graph.node])
    return bytes(model.SerializeToString())


def blob(crops: Image, mean: float, std: float) -> Floats:
    """Scale N images for a network that takes no pixels: N x 3 x height x width."""
    values = crops.transpose(0, 3, 1, 2).astype(np.float32, order="C")
    return (values - np.float32(mean)) / np.float32(std)
