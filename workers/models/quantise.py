"""Recognisers in 8-bit integers or 16-bit floats: the one door to onnxruntime's converters."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the library is loaded

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16

from headcount.errors import FatalError
from headcount.settings import VariantName
from workers.models.prepare import parse, real_inputs

LAYERS = ("Conv", "Gemm", "MatMul")
BETWEEN = ("Relu", "Mul", "Add")
"""What stands between layers, as PRelu is rewritten. In fp32, all outputs are converted twice."""

EVERYTHING = "everything"
ALL_LAYERS = "layers"
INNER_LAYERS = "layers but the first and the last"
DENSE_LAYERS = "layers but separable ones"
"""Separable convolutions see one channel each: what is lost of it, nothing makes up for."""
FORMS = (EVERYTHING, ALL_LAYERS, INNER_LAYERS, DENSE_LAYERS)
"""What is quantised, from the quickest to the mildest."""
HALF = "everything in 16-bit floats"

Blob = NDArray[np.float32]


def runtime() -> str:
    """What quantises, for the record."""
    return f"onnxruntime {ort.__version__}"


def forms_of(model: bytes, variant: VariantName = "int8") -> list[str]:
    """The forms of a variant that differ for this recogniser, the quickest first.

    Raises FatalError where there is nothing to quantise.
    """
    if variant == "fp16":
        return [HALF]
    graph = parse(model, "the recogniser").graph
    forms: dict[tuple[int, ...], str] = {}
    for form in FORMS:
        chosen = tuple(n for n, node in enumerate(graph.node) if _takes(graph, node, form))
        if chosen:
            forms.setdefault(chosen, form)
    if not forms:
        raise FatalError("the recogniser has no layer that could be quantised")
    return list(forms.values())


def quantise(model: bytes, blobs: list[Blob], form: str) -> bytes:
    """A prepared recogniser in lower precision.

    As QDQ with weights (per channel) and activations in 8 bits; ``blobs`` are inputs of the
    network, N x 3 x 112 x 112 each, from which the ranges of the activations are taken. In the
    form HALF all in 16-bit floats, which needs none. Raises FatalError where that fails.
    """
    if form == HALF:
        return _halved(model)
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = _with_fused_layers(model, Path(folder))
            return _quantised(source, blobs, form, Path(folder) / "quantised.onnx")
        except Exception as error:  # the library's exceptions share no base class
            raise FatalError(f"the recogniser cannot be quantised ({form}): {error}") from error


def _halved(model: bytes) -> bytes:
    """Weights and what is between layers in 16 bits; what goes in and comes out stays as it is."""
    source = parse(model, "the recogniser")
    try:
        with _Quiet():
            made = convert_float_to_float16(source, keep_io_types=True)
    except Exception as error:  # the library's exceptions share no base class
        raise FatalError(f"the recogniser cannot be converted to 16 bits: {error}") from error
    given = {value.name for value in made.graph.input}
    nodes = sorted(made.graph.node, key=lambda node: given.isdisjoint(node.input))
    del made.graph.node[:]
    made.graph.node.extend(nodes)  # the converter adds the cast of the input behind its users
    return bytes(made.SerializeToString())


def _quantised(source: onnx.ModelProto, blobs: list[Blob], form: str, made: Path) -> bytes:
    chosen = [node.name for node in source.graph.node if _takes(source.graph, node, form)]
    with _Quiet():
        quantize_static(
            source,
            made,
            _Reader(real_inputs(source.graph)[0].name, blobs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*LAYERS, *BETWEEN],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=chosen,
        )
    return made.read_bytes()


def _with_fused_layers(model: bytes, folder: Path) -> onnx.ModelProto:
    """Batch normalisation folded into convolutions: between two roundings it costs accuracy."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "fused.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    fused = parse((folder / "fused.onnx").read_bytes(), "the recogniser")
    for number, node in enumerate(fused.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"  # the quantiser chooses by name
    return fused


def _takes(graph: onnx.GraphProto, node: onnx.NodeProto, form: str) -> bool:
    """Whether a form quantises this node."""
    if node.op_type not in LAYERS:
        return form == EVERYTHING and node.op_type in BETWEEN
    if form == INNER_LAYERS:
        layers = [other.name for other in graph.node if other.op_type in LAYERS]
        return node.name not in (layers[0], layers[-1])
    return form != DENSE_LAYERS or _groups(node) == 1


def _groups(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "group"), 1)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # the library ships no types
    """Hands the quantiser its inputs, one at a time."""

    def __init__(self, name: str, blobs: list[Blob]) -> None:
        self._feeds: Iterator[dict[str, Blob]] = iter([{name: blob} for blob in blobs])

    def get_next(self) -> dict[str, Blob] | None:
        """The next input; None at the end."""
        return next(self._feeds, None)


class _Quiet:
    """No advice of the quantiser's among what a person reads."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
