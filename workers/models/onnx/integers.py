"""Rewrites around quantisation, so that the operators between layers are fast in 8 bits too.

Pure functions of ONNX models, which they change.
"""

from __future__ import annotations

from collections import defaultdict

import onnx
from onnx import helper, numpy_helper

from workers.models.onnx.prepare import used_names


def scale_by_layers(model: onnx.ModelProto) -> None:
    """Rewrite a factor for each channel behind a convolution as a separable 1 x 1 convolution.

    onnxruntime multiplies 8-bit values by a vector at half that speed. The output is the same.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    channels = {
        node.output[0]: constants[node.input[1]].dims[0]
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in constants
    }
    for node in [each for each in graph.node if each.op_type == "Mul"]:
        value, factor = sorted(node.input, key=lambda name: name in constants)
        if value not in channels or factor not in constants:
            continue
        factors = numpy_helper.to_array(constants[factor])
        if factors.shape == (channels[value], 1, 1):
            name = f"{node.name}_factors"
            graph.initializer.append(numpy_helper.from_array(factors[:, None], name))
            shape = {"group": len(factors), "kernel_shape": [1, 1]}
            node.CopyFrom(helper.make_node("Conv", [value, name], node.output, node.name, **shape))
    used = used_names(graph)
    for tensor in [each for each in graph.initializer if each.name not in used]:
        graph.initializer.remove(tensor)


def relu_on_integers(model: onnx.ModelProto) -> None:
    """Rewrite Relu of quantised values as Clip at the zero point: the same values.

    Otherwise the runtime dequantises them for it, and quantises again on another scale. For a model
    with QDQ pairs; a Relu that the runtime folds into a layer has none around it and stays.
    """
    graph = model.graph
    made = {name: node for node in graph.node for name in node.output}
    takers = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            takers[name].append(node)
    for node in [each for each in graph.node if each.op_type == "Relu"]:
        before, after = made.get(node.input[0]), takers[node.output[0]]
        if before is None or before.op_type != "DequantizeLinear" or len(after) != 1:
            continue
        result = after[0].output[0]
        if after[0].op_type != "QuantizeLinear" or not _all_dequantised(takers[result]):
            continue
        values, scale, zero = before.input
        for taker in takers[result]:
            taker.input[1], taker.input[2] = scale, zero
        graph.node.remove(after[0])
        node.CopyFrom(helper.make_node("Clip", [values, zero], [result], node.name))


def _all_dequantised(takers: list[onnx.NodeProto]) -> bool:
    return all(taker.op_type == "DequantizeLinear" for taker in takers)
