"""Preparing models: quantised weights folded, axes freed, slow operators rewritten; and a cache.

Pure functions of ONNX models; the prepared network gives the same output.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from headcount.errors import FatalError

VERSION = "2"
"""Part of a prepared model's name: raise it when the preparation changes."""

Step = Callable[[onnx.ModelProto], None]


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def parse(data: bytes, name: str) -> onnx.ModelProto:
    """Parse an ONNX model. Raises FatalError for bytes that are none."""
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise FatalError(f"{name} is no ONNX model, or is damaged: copy it again") from error
    if not model.graph.node:
        raise FatalError(f"{name} is no ONNX model, or is damaged: copy it again")
    return model


def real_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Inputs that a caller must give: weights may be listed as inputs too."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name in used_names(graph) - weights]


def used_names(graph: onnx.GraphProto) -> set[str]:
    """Names of the outputs, and of all values that nodes take, in graphs within the graph too."""
    names = {value.name for value in graph.output}
    for node in graph.node:
        names.update(node.input)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                names |= used_names(inner) if inner.node else set()
    return names


def prepare(data: bytes, name: str, *, free_size: bool) -> bytes:
    """Prepare a model. ``free_size`` frees height and width too, for detectors.

    Raises FatalError for a model whose operators are used in unexpected ways.
    """
    model = parse(data, name)
    try:
        fold_weights(model)
        keep_real_inputs(model)
        rewrite_prelu(model)
        free_axes(model, size=free_size)
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise FatalError(f"the model {name} cannot be prepared: {error}") from error
    return bytes(model.SerializeToString())


def fold_weights(model: onnx.ModelProto) -> None:
    """Turn quantised weights (DequantizeLinear, then Reshape, of constants) into fp32 ones."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        known = all(name in constants for name in node.input)
        if node.op_type not in ("DequantizeLinear", "Reshape") or not known:
            kept.append(node)
            continue
        inputs = [numpy_helper.to_array(constants[name]) for name in node.input]
        value = _dequantised(node, inputs) if node.op_type != "Reshape" else _reshaped(inputs)
        constants[node.output[0]] = numpy_helper.from_array(value, node.output[0])
    replace_all(graph.node, kept)
    used = used_names(graph)
    replace_all(graph.initializer, [constants[name] for name in constants if name in used])


def _dequantised(node: onnx.NodeProto, inputs: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Dequantise as https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html says."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    values, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 else np.zeros_like(scale, values.dtype)
    if block:
        scale, zero = (_blocks(part, block, axis, values.shape[axis]) for part in (scale, zero))
    elif scale.ndim == 1:
        shape = [-1 if n == axis % values.ndim else 1 for n in range(values.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    steps = values.astype(np.int32) - zero.astype(np.int32)
    return np.asarray(steps * scale, np.float32)


def _blocks(part: NDArray[Any], block: int, axis: int, length: int) -> NDArray[Any]:
    return np.take(np.repeat(part, block, axis), np.arange(length), axis)


def _reshaped(inputs: list[NDArray[Any]]) -> NDArray[Any]:
    value, shape = inputs
    return value.reshape([value.shape[n] if size == 0 else size for n, size in enumerate(shape)])


def keep_real_inputs(model: onnx.ModelProto) -> None:
    """Drop weights from the list of inputs: as inputs they are no constants to the optimiser."""
    replace_all(model.graph.input, real_inputs(model.graph))


def rewrite_prelu(model: onnx.ModelProto) -> None:
    """Rewrite PRelu(x) as slope*x + (1-slope)*Relu(x).

    onnxruntime's CPU kernels keep their blocked layout through these and not through PRelu:
    the same network, about twice as fast. Where a convolution follows, its weights take over the
    factor of the second part, and PRelu is ratio*x + Relu(x): one pass over the values less.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != "PRelu" or node.input[1] not in constants:
            nodes.append(node)
            continue
        slope = numpy_helper.to_array(constants[node.input[1]])
        following = _sole_convolution(graph, node.output[0], constants)
        by_channel = slope.ndim == 3 and slope.shape[1:] == (1, 1)
        if following is not None and by_channel and np.abs(1 - slope).min() >= LEAST_FACTOR:
            _take_over(following, constants, 1 - slope.ravel())
            nodes += _scaled_prelu(graph, node, slope)
        else:
            nodes += _prelu_parts(graph, node, slope)
    replace_all(graph.node, nodes)


LEAST_FACTOR = 0.05
"""Smallest 1 - slope of which a ratio is made: below it, digits are lost."""


def _sole_convolution(
    graph: onnx.GraphProto, name: str, constants: dict[str, onnx.TensorProto]
) -> onnx.NodeProto | None:
    """The one convolution that takes a value, with weights of its own; None for any other taker."""
    takers = [node for node in graph.node if name in node.input]
    if len(takers) != 1 or takers[0].op_type != "Conv" or name == graph.output[0].name:
        return None
    weights = takers[0].input[1]
    shared = sum(weights in node.input for node in graph.node) > 1
    usual = weights in constants and len(constants[weights].dims) == 4
    return takers[0] if usual and not shared else None


def _take_over(
    node: onnx.NodeProto, constants: dict[str, onnx.TensorProto], factors: NDArray[Any]
) -> None:
    """Scale a convolution's weights by ``factors``, one for each channel of its input."""
    tensor = constants[node.input[1]]
    weights = numpy_helper.to_array(tensor)
    groups = len(factors) // weights.shape[1]
    each = factors.reshape(groups, 1, weights.shape[1], 1, 1)
    scaled = weights.reshape(groups, -1, *weights.shape[1:]) * each
    made = numpy_helper.from_array(scaled.reshape(weights.shape).astype(weights.dtype), tensor.name)
    tensor.CopyFrom(made)


def _scaled_prelu(
    graph: onnx.GraphProto, node: onnx.NodeProto, slope: NDArray[Any]
) -> list[onnx.NodeProto]:
    x, y = node.input[0], node.output[0]
    ratio = f"{y}_ratio"
    graph.initializer.append(
        numpy_helper.from_array((slope / (1 - slope)).astype(slope.dtype), ratio)
    )
    return [
        helper.make_node("Relu", [x], [f"{y}_relu"], f"{y}_relu"),
        helper.make_node("Mul", [x, ratio], [f"{y}_linear"], f"{y}_linear"),
        helper.make_node("Add", [f"{y}_linear", f"{y}_relu"], [y], f"{y}_sum"),
    ]


def _prelu_parts(
    graph: onnx.GraphProto, node: onnx.NodeProto, slope: NDArray[Any]
) -> list[onnx.NodeProto]:
    x, y = node.input[0], node.output[0]
    rest = f"{y}_one_minus_slope"
    graph.initializer.append(numpy_helper.from_array((1 - slope).astype(slope.dtype), rest))
    return [
        helper.make_node("Relu", [x], [f"{y}_relu"], f"{y}_relu"),
        helper.make_node("Mul", [x, node.input[1]], [f"{y}_linear"], f"{y}_linear"),
        helper.make_node("Mul", [f"{y}_relu", rest], [f"{y}_positive"], f"{y}_positive"),
        helper.make_node("Add", [f"{y}_linear", f"{y}_positive"], [y], f"{y}_sum"),
    ]


def free_axes(model: onnx.ModelProto, *, size: bool) -> None:
    """Free the batch axis and, with ``size``, height and width; drop inferred shapes."""
    graph = model.graph
    for value in graph.input:
        axes = value.type.tensor_type.shape.dim
        names = ["N", *(["C", "H", "W"] if size else [])]
        for axis, name in zip(axes, names, strict=False):
            if name != "C":
                axis.dim_param = name
    _free_reshapes(graph)
    replace_all(graph.value_info, [])
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def _free_reshapes(graph: onnx.GraphProto) -> None:
    """Replace a Reshape's [1, -1, k], which folds the batch, by [0, -1, k], which keeps it."""
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        if tensor.name in shapes and tensor.data_type == TensorProto.INT64:
            shape = numpy_helper.to_array(tensor).copy()
            if len(shape) == 3 and shape[0] == 1 and shape[1] == -1:
                shape[0] = 0
                tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def replace_all(field: Any, values: list[Any]) -> None:  # a protobuf repeated field
    """Replace the values of a repeated field."""
    values = list(values)
    del field[:]
    field.extend(values)


def prepared_path(cache: Path, digest: str, *, free_size: bool) -> Path:
    """Path in the cache of the prepared form of the model with this SHA-256."""
    kind = "sized" if free_size else "fixed"
    return cache / "models" / f"{digest[:32]}-{kind}-{VERSION}.onnx"


def prepared(data: bytes, name: str, cache: Path, *, free_size: bool) -> bytes:
    """Read the prepared form of a model from the cache, or make and keep it.

    Raises FatalError where the model cannot be prepared, or the cache cannot be written.
    """
    path = prepared_path(cache, sha256(data), free_size=free_size)
    found = read_checked(path)
    if found is not None:
        return found
    made = prepare(data, name, free_size=free_size)
    try:
        write_checked(path, made)
    except OSError as error:
        raise FatalError(
            f"cannot keep the prepared model in {path.parent} ({error.strerror}): "
            "set HEADCOUNT_CACHE_DIR to a folder that can be written"
        ) from error
    return made


def read_checked(path: Path) -> bytes | None:
    """Read a cached file; None where it is missing, or its SHA-256 is another."""
    try:
        data = path.read_bytes()
        recorded = path.with_suffix(".sha256").read_bytes()
    except OSError:
        return None
    return data if sha256(data).encode() == recorded else None


def write_checked(path: Path, data: bytes) -> None:
    """Keep a file in the cache, atomically, with its SHA-256 beside it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path.with_suffix(".sha256"), sha256(data).encode())
    _write(path, data)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.write_bytes(data)
    os.replace(temporary, path)  # noqa: PTH105 - pathlib's does the same
