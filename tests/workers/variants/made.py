"""Made packs, and their variants, for tests of the gate and of what it lets through."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from headcount.settings import Settings, VariantName
from tests.workers.networks import shipped
from workers.images.align import SIZE
from workers.models.model_file import ModelFile
from workers.models.onnx.quantise import runtime
from workers.models.packs.files import PackFiles
from workers.models.packs.open import open_recogniser
from workers.models.packs.thresholds import UNKNOWN
from workers.models.packs.variants import (
    Variant,
    VariantRecord,
    pack_key,
)
from workers.variants import gate
from workers.variants.labelled import Faces

WIDTH = 24


RANDOM = np.random.default_rng(11)


def made_network(*, outlier: float = 0.0, separable: bool = False, last: float = 0.1) -> bytes:
    """A recogniser of convolutions. An ``outlier`` is a channel that nothing takes up.

    The channel's size spoils the one scale that 8 bits have for all channels. ``last`` is the
    size of the last weights, which 16-bit floats lose where it is very small.
    """
    channels = 4
    weights = {
        "first": RANDOM.normal(0, 0.1, (channels, 3, 8, 8)),
        "bias": np.array([0, 0, 0, outlier]),
        "middle": RANDOM.normal(0, 1, (channels, 1 if separable else channels, 1, 1)),
        "last": RANDOM.normal(0, last, (channels * 14 * 14, WIDTH)),
    }
    weights["last"][3 * 14 * 14 :] = 0
    if not separable:
        weights["middle"][:3, 3] = 0
    nodes = [
        helper.make_node("Conv", ["x", "first", "bias"], ["a"], "one", strides=[8, 8]),
        helper.make_node("Conv", ["a", "middle"], ["b"], "two", group=channels if separable else 1),
        helper.make_node("Flatten", ["b"], ["c"], "flat"),
        helper.make_node("MatMul", ["c", "last"], ["y"], "three"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", WIDTH])
    tensors = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, "made", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def made_faces(people: int = 80, each: int = 4) -> Faces:
    """Crops of made people: a coarse pattern for each, and noise for each photo."""
    coarse = RANDOM.integers(30, 220, (people, 1, 14, 14, 3))
    noisy = coarse + RANDOM.normal(0, 12, (people, each, 14, 14, 3))
    crops = np.clip(noisy, 0, 255).repeat(8, axis=2).repeat(8, axis=3).astype(np.uint8)
    return Faces(
        crops.reshape(-1, SIZE, SIZE, 3), np.repeat(np.arange(people), each).astype(np.int64)
    )


def pack_of(recogniser: bytes) -> PackFiles:
    return PackFiles(
        "made", ModelFile("yunet.onnx", shipped("yunet")), ModelFile("made.onnx", recogniser), "MIT"
    )


def gated(files: PackFiles, settings: Settings, variant: VariantName = "int8") -> Variant:
    """The pack's variant: its recogniser through the gate, its detector in fp32."""
    base = open_recogniser(files.recogniser, settings)
    found = gate.gate_recogniser(
        files.recogniser, variant, made_faces(), made_faces(), settings, base=base
    )
    record = VariantRecord(
        variant=variant,
        detector=gate.in_fp32(files.detector).record,
        recogniser=found.record,
        thresholds=UNKNOWN,
        made_with=runtime(),
    )
    return Variant(record, {} if found.data is None else {"recogniser": found.data})


def key_of(files: PackFiles) -> str:
    return pack_key(files.detector.identity, files.recogniser.identity)
