"""Recognisers in 8-bit integers: the one door to onnxruntime's quantiser."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

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

from headcount.errors import FatalError
from workers.models.prepare import parse, real_inputs

FORMS = ("all layers", "first and last layers in fp32", "separable layers in fp32")
"""From the quickest to the mildest. Of the last, what convolves each channel by itself, where one
scale serves few weights, stays in fp32."""
QUANTISED = ("Conv", "Gemm", "MatMul")

Blob = NDArray[np.float32]


def runtime() -> str:
    """What quantises, for the record."""
    return f"onnxruntime {ort.__version__}"


def forms_of(model: bytes) -> list[str]:
    """The forms that differ for this recogniser and quantise any of it, the quickest first.

    Raises FatalError where there is none.
    """
    graph = parse(model, "the recogniser").graph
    layers = _layers(graph)
    kept = {form: [id(node) for node in _kept(layers, form)] for form in FORMS}
    forms = [
        form
        for number, form in enumerate(FORMS)
        if len(kept[form]) < len(layers)
        and kept[form] not in [kept[before] for before in FORMS[:number]]
    ]
    if not forms:
        raise FatalError("the recogniser has no layer that could be quantised")
    return forms


def quantise(model: bytes, blobs: list[Blob], form: str) -> bytes:
    """A prepared recogniser with weights (per channel) and activations in 8 bits, as QDQ.

    ``blobs`` are inputs of the network, N x 3 x 112 x 112 each, from which the ranges of the
    activations are taken. Raises FatalError where the quantiser gives up.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = _with_fused_layers(model, Path(folder))
        excluded = [node.name for node in _kept(_layers(source.graph), form)]
        made = Path(folder) / "quantised.onnx"
        reader = _Reader(real_inputs(source.graph)[0].name, blobs)
        try:
            with _Quiet():
                quantize_static(
                    source,
                    made,
                    reader,
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=list(QUANTISED),
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=excluded,
                )
        except Exception as error:  # the quantiser's exceptions share no base class
            raise FatalError(f"the recogniser cannot be quantised: {error}") from error
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
        node.name = node.name or f"{node.op_type}_{number}"  # the quantiser excludes by name
    return fused


def _layers(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type in QUANTISED]


def _kept(layers: list[onnx.NodeProto], form: str) -> list[onnx.NodeProto]:
    """The layers that stay in fp32."""
    if form == FORMS[1]:
        return [layers[0], layers[-1]] if layers else []
    return [node for node in layers if form == FORMS[2] and _groups(node) > 1]


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
