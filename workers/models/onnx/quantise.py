"""Networks in 8-bit integers or 16-bit floats: the one door to onnxruntime's converters."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the library is loaded

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import version_converter
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16

from headcount.errors import FatalError
from headcount.settings import VariantName
from headcount.storage.local.scratch import scratch_folder
from workers.models.onnx.integers import relu_on_integers, scale_by_layers
from workers.models.onnx.prepare import parse, real_inputs

LAYERS = ("Conv", "Gemm", "MatMul")
BETWEEN = ("Relu", "Mul", "Add", "MaxPool", "AveragePool", "Resize")
"""Operators between layers, once PRelu is rewritten. In fp32, all outputs are converted twice."""
BY_CHANNEL = 13
"""ONNX operators can be quantised by channel from this opset on."""

EVERYTHING = "everything"
BUT_LAST = "everything but the last layers"
ALL_LAYERS = "layers"
INNER_LAYERS = "layers but the first and the last"
DENSE_LAYERS = "layers but separable ones"
"""Separable convolutions see one channel each: other channels do not make up for a loss in it."""
FORMS = (EVERYTHING, BUT_LAST, ALL_LAYERS, INNER_LAYERS, DENSE_LAYERS)
"""Parts of a network that are quantised, from the fastest form to the mildest."""
HALF = "everything in 16-bit floats"

Blob = NDArray[np.float32]


def runtime() -> str:
    """Name and version of the library that quantises, for the record."""
    return f"onnxruntime {ort.__version__}"


def forms_of(model: bytes, variant: VariantName = "int8") -> list[str]:
    """Distinct forms of a variant for this network, the fastest first.

    Raises FatalError where there is nothing to quantise.
    """
    if variant == "fp16":
        return [HALF]
    graph = parse(model, "the network").graph
    forms: dict[tuple[int, ...], str] = {}
    for form in FORMS:
        chosen = tuple(taken(graph, form))
        if chosen:
            forms.setdefault(chosen, form)
    if not forms:
        raise FatalError("the network has no layer that could be quantised")
    return list(forms.values())


def quantise(model: bytes, blobs: Iterable[Blob], form: str) -> bytes:
    """Quantise a prepared network.

    As QDQ with weights (per channel) and activations in 8 bits; ``blobs`` are inputs of the
    network, each N x 3 x height x width, from which the ranges of the activations are taken. In
    the form HALF all in 16-bit floats, which needs none. Raises FatalError where that fails.
    """
    if form == HALF:
        return _halved(model)
    with scratch_folder() as folder:
        try:
            source = _with_fused_layers(model, folder)
            return _quantised(source, blobs, form, folder / "quantised.onnx")
        except Exception as error:  # the library's exceptions share no base class
            raise FatalError(f"the network cannot be quantised ({form}): {error}") from error


def _halved(model: bytes) -> bytes:
    """Convert weights and activations to 16 bits; inputs and outputs stay as they are."""
    source = parse(model, "the network")
    try:
        with _Quiet():
            made = convert_float_to_float16(source, keep_io_types=True)
    except Exception as error:  # the library's exceptions share no base class
        raise FatalError(f"the network cannot be converted to 16 bits: {error}") from error
    given = {value.name for value in made.graph.input}
    nodes = sorted(made.graph.node, key=lambda node: given.isdisjoint(node.input))
    del made.graph.node[:]
    made.graph.node.extend(nodes)  # the converter adds the cast of the input behind its users
    return bytes(made.SerializeToString())


def _quantised(source: onnx.ModelProto, blobs: Iterable[Blob], form: str, made: Path) -> bytes:
    if form in (EVERYTHING, BUT_LAST):
        scale_by_layers(source)
    chosen = [source.graph.node[number].name for number in taken(source.graph, form)]
    name = real_inputs(source.graph)[0].name
    with _Quiet():
        quantize_static(
            source,
            made,
            _Reader(name, blobs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*LAYERS, *BETWEEN],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=chosen,
        )
    quantised = parse(made.read_bytes(), "the network")
    relu_on_integers(quantised)
    return bytes(quantised.SerializeToString())


def _with_fused_layers(model: bytes, folder: Path) -> onnx.ModelProto:
    """Fold batch normalisation into convolutions: between two roundings it costs accuracy."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "fused.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    fused = parse((folder / "fused.onnx").read_bytes(), "the network")
    if next(each.version for each in fused.opset_import if not each.domain) < BY_CHANNEL:
        fused = version_converter.convert_version(fused, BY_CHANNEL)
    for number, node in enumerate(fused.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"  # the quantiser chooses by name
    return fused


def taken(graph: onnx.GraphProto, form: str) -> list[int]:
    """Numbers of the nodes that a form quantises."""
    layers = [n for n, node in enumerate(graph.node) if node.op_type in LAYERS]
    last = _last(graph, layers)
    between = [n for n, node in enumerate(graph.node) if node.op_type in BETWEEN]
    if form == EVERYTHING:
        return sorted([*layers, *between])
    if form == BUT_LAST:
        return sorted({*layers, *between} - last)
    if form == INNER_LAYERS:
        return [n for n in layers[1:] if n not in last]
    dense = form == DENSE_LAYERS
    return [n for n in layers if not dense or _groups(graph.node[n]) == 1]


def _last(graph: onnx.GraphProto, layers: list[int]) -> set[int]:
    """Numbers of the last layers: those with no other layer behind them."""
    takers = defaultdict(list)
    for number, node in enumerate(graph.node):
        for name in node.input if node.op_type != "Shape" else ():
            takers[name].append(number)
    before: set[int] = set()  # nodes with a layer behind them; a graph's nodes are in order
    for number in reversed(range(len(graph.node))):
        behind = [taker for name in graph.node[number].output for taker in takers[name]]
        if any(taker in before or graph.node[taker].op_type in LAYERS for taker in behind):
            before.add(number)
    return set(layers) - before


def _groups(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "group"), 1)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # the library ships no types
    """A reader that gives the quantiser its inputs, one at a time."""

    def __init__(self, name: str, blobs: Iterable[Blob]) -> None:
        self._feeds: Iterator[dict[str, Blob]] = ({name: blob} for blob in blobs)

    def get_next(self) -> dict[str, Blob] | None:
        """Take the next input; None at the end."""
        return next(self._feeds, None)


class _Quiet:
    """Silence for the quantiser's advice, which no user can follow."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
