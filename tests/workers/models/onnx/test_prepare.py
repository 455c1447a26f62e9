from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from headcount.errors import FatalError
from tests.workers.networks import shipped
from workers.models.onnx.prepare import (
    fold_weights,
    free_axes,
    keep_real_inputs,
    parse,
    prepare,
    prepared,
    rewrite_prelu,
)
from workers.models.session import Session, open_session

RANDOM = np.random.default_rng(7)


def network(nodes: list[Any], weights: dict[str, NDArray[Any]], rank: int = 4) -> onnx.ModelProto:
    """A network from x to y with these weights."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1] * rank)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "made", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def result(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What onnx itself says the network gives."""
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    return np.asarray(y)


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def session(model: bytes | onnx.ModelProto) -> Session:
    data = model if isinstance(model, bytes) else bytes(model.SerializeToString())
    return open_session(data, "cpu", name="model under test")


def ran(of: Session, x: NDArray[np.float32]) -> list[NDArray[Any]]:
    return of.run({next(iter(of.inputs)): x})


# -- quantised weights --------------------------------------------------------------------------


QUANTISED = {
    "per tensor": ({}, (), np.int8),
    "per axis 0": ({"axis": 0}, (6,), np.int8),
    "per axis 1": ({"axis": 1}, (8,), np.uint8),
    "per last axis": ({"axis": -1}, (8,), np.int8),
    "default axis": ({}, (8,), np.int8),
    "blocked along 0": ({"axis": 0, "block_size": 3}, (2, 8), np.int8),
    "blocked along 1": ({"axis": 1, "block_size": 4}, (6, 2), np.uint8),
    "a last block that is short": ({"axis": 1, "block_size": 3}, (6, 3), np.int8),
}


@pytest.mark.parametrize("zero_point", [True, False], ids=["zero point", "no zero point"])
@pytest.mark.parametrize("case", QUANTISED)
def test_quantised_weights_are_folded_as_onnx_defines_them(case: str, zero_point: bool) -> None:
    attributes, shape, kind = QUANTISED[case]
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    quantised = RANDOM.integers(low, high, (6, 8), kind, endpoint=True)
    weights = {"q": quantised, "s": RANDOM.uniform(0.01, 1, shape).astype(np.float32)}
    if zero_point:
        weights["z"] = np.asarray(RANDOM.integers(low, high, shape), kind)
    node = helper.make_node("DequantizeLinear", list(weights), ["w"], **attributes)
    model = network([node, helper.make_node("Add", ["x", "w"], ["y"])], weights, rank=2)
    x = np.zeros((6, 8), np.float32)
    before = result(model, x)
    fold_weights(model)
    assert operators(model) == {"Add"}
    assert [tensor.name for tensor in model.graph.initializer] == ["w"]
    np.testing.assert_allclose(result(model, x), before, rtol=1e-6)


def test_a_folded_weight_is_reshaped_too() -> None:
    weights = {
        "q": RANDOM.integers(-128, 127, (6, 8), np.int8),
        "s": np.float32(0.5),
        "shape": np.array([0, 2, -1], np.int64),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["w"]),
        helper.make_node("Add", ["x", "w"], ["y"]),
    ]
    model = network(nodes, weights, rank=3)
    x = np.zeros((6, 2, 4), np.float32)
    before = result(model, x)
    fold_weights(model)
    assert operators(model) == {"Add"}
    np.testing.assert_array_equal(result(model, x), before)


def test_what_depends_on_the_input_is_not_folded() -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    model = network(nodes, {"s": np.float32(0.5)})
    fold_weights(model)
    assert operators(model) == {"QuantizeLinear", "DequantizeLinear"}
    assert [tensor.name for tensor in model.graph.initializer] == ["s"]


# -- PRelu --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 1, 1), (1,), (3, 4, 5)])
def test_a_rewritten_prelu_gives_the_same(shape: tuple[int, ...]) -> None:
    slope = RANDOM.normal(0, 1, shape).astype(np.float32)
    model = network([helper.make_node("PRelu", ["x", "a"], ["y"])], {"a": slope})
    x = RANDOM.normal(0, 5, (2, 3, 4, 5)).astype(np.float32)
    before = result(model, x)
    rewrite_prelu(model)
    assert operators(model) == {"Relu", "Mul", "Add"}
    np.testing.assert_allclose(result(model, x), before, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_a_convolution_takes_over_a_factor_of_the_prelu_before_it(groups: int) -> None:
    slope = RANDOM.uniform(-0.5, 0.9, (6, 1, 1)).astype(np.float32)
    weights = RANDOM.normal(0, 1, (12, 6 // groups, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("PRelu", ["x", "a"], ["p"]),
        helper.make_node("Conv", ["p", "w"], ["y"], group=groups, pads=[1, 1, 1, 1]),
    ]
    model = network(nodes, {"a": slope, "w": weights})
    x = RANDOM.normal(0, 5, (2, 6, 4, 5)).astype(np.float32)
    before = result(model, x)
    rewrite_prelu(model)
    assert [node.op_type for node in model.graph.node] == ["Relu", "Mul", "Add", "Conv"]
    np.testing.assert_allclose(result(model, x), before, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("slope", "also"),
    [
        (np.full((6, 1, 1), 0.99, np.float32), []),
        (np.full(5, 0.5, np.float32), []),
        (np.full((6, 1, 1), 0.5, np.float32), [helper.make_node("Relu", ["p"], ["q"])]),
    ],
)
def test_a_convolution_takes_over_nothing_that_it_cannot(
    slope: NDArray[np.float32], also: list[Any]
) -> None:
    weights = RANDOM.normal(0, 1, (4, 6, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("PRelu", ["x", "a"], ["p"]),
        helper.make_node("Conv", ["p", "w"], ["y"]),
        *also,
    ]
    model = network(nodes, {"a": slope, "w": weights})
    x = RANDOM.normal(0, 5, (2, 6, 4, 5)).astype(np.float32)
    before = result(model, x)
    rewrite_prelu(model)
    kept = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}["w"]
    np.testing.assert_array_equal(kept, weights)
    np.testing.assert_allclose(result(model, x), before, rtol=1e-4, atol=1e-3)


def test_a_prelu_with_a_computed_slope_is_left_alone() -> None:
    nodes = [helper.make_node("Abs", ["x"], ["a"]), helper.make_node("PRelu", ["x", "a"], ["y"])]
    model = network(nodes, {})
    rewrite_prelu(model)
    assert "PRelu" in operators(model)


# -- the real networks --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sface() -> Session:
    return session(prepare(shipped("sface"), "sface", free_size=False))


def test_prepared_sface_gives_what_sface_gives(sface: Session) -> None:
    plain = onnx.load_model_from_string(shipped("sface"))
    fold_weights(plain)
    keep_real_inputs(plain)
    assert "PRelu" in operators(plain)
    crop = RANDOM.uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    (before,), (after,) = ran(session(plain), crop), ran(sface, crop)
    assert np.abs(before).max() > 0.5
    assert np.abs(after - before).max() < 1e-3 * np.abs(before).max()


def test_a_batch_of_three_is_three_singles(sface: Session) -> None:
    crops = RANDOM.uniform(0, 255, (3, 3, 112, 112)).astype(np.float32)
    (together,) = ran(sface, crops)
    alone = np.concatenate([ran(sface, crop[None])[0] for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-3 * np.abs(alone).max())


@pytest.fixture(scope="module")
def yunet() -> Session:
    return session(prepare(shipped("yunet"), "yunet", free_size=True))


def test_prepared_yunet_gives_the_same_at_the_size_it_was_made_for(yunet: Session) -> None:
    image = RANDOM.uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)
    # onnxruntime refuses the file as it comes: it has block sizes beside scalar scales
    original = ReferenceEvaluator(onnx.load_model_from_string(shipped("yunet")))
    assert yunet.outputs == original.output_names
    before = original.run(None, {"input": image})
    for one, other in zip(before, ran(yunet, image), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(320, 480), (32, 32), (1280, 96)])
def test_prepared_yunet_takes_any_size(yunet: Session, height: int, width: int) -> None:
    outputs = ran(yunet, np.zeros((1, 3, height, width), np.float32))
    cells = [(height // stride) * (width // stride) for stride in (8, 16, 32)]
    assert [output.shape[1] for output in outputs] == cells * 4


def test_a_fixed_size_stays_where_it_is_not_freed() -> None:
    model = onnx.load_model_from_string(shipped("yunet"))
    free_axes(model, size=False)
    axes = model.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ["N", 3, 640, 640]


# -- the cache ----------------------------------------------------------------------------------


def small() -> bytes:
    node = helper.make_node("PRelu", ["x", "a"], ["y"])
    return bytes(network([node], {"a": np.float32([0.3])}).SerializeToString())


def kept(cache: Path) -> Path:
    (path,) = cache.rglob("*.onnx")
    return path


def test_the_second_call_reads_what_the_first_wrote(tmp_path: Path) -> None:
    made = prepared(small(), "small", tmp_path, free_size=False)
    assert made == kept(tmp_path).read_bytes() == prepare(small(), "small", free_size=False)
    written = kept(tmp_path).stat()
    assert prepared(small(), "small", tmp_path, free_size=False) == made
    assert kept(tmp_path).stat() == written


@pytest.mark.parametrize("damage", [b"", b"x" * 100], ids=["emptied", "overwritten"])
def test_a_damaged_cached_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    made = prepared(small(), "small", tmp_path, free_size=False)
    kept(tmp_path).write_bytes(damage)
    assert prepared(small(), "small", tmp_path, free_size=False) == made
    assert kept(tmp_path).read_bytes() == made


def test_a_damaged_checksum_only_costs_time(tmp_path: Path) -> None:
    made = prepared(small(), "small", tmp_path, free_size=False)
    (checksum,) = tmp_path.rglob("*.sha256")
    checksum.write_bytes(b"\xff\xfe")
    assert prepared(small(), "small", tmp_path, free_size=False) == made


def test_both_forms_of_a_model_are_kept_apart(tmp_path: Path) -> None:
    fixed = prepared(small(), "small", tmp_path, free_size=False)
    sized = prepared(small(), "small", tmp_path, free_size=True)
    assert fixed != sized
    assert prepared(small(), "small", tmp_path, free_size=False) == fixed


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    prepared(small(), "small", tmp_path, free_size=False)
    suffixes = sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file())
    assert suffixes == [".onnx", ".sha256"]


def test_a_cache_that_cannot_be_written_stops_the_job(tmp_path: Path) -> None:
    file = tmp_path / "a file, no folder"
    file.write_text("")
    with pytest.raises(FatalError, match="HEADCOUNT_CACHE_DIR"):
        prepared(small(), "small", file, free_size=False)


@pytest.mark.parametrize("data", [b"", b"no model at all", b"\x08\x0a"])
def test_what_is_no_model_stops_the_job_by_its_name(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"face\.onnx is no ONNX model"):
        prepared(data, "face.onnx", tmp_path, free_size=False)
    assert not list(tmp_path.rglob("*.onnx"))


def test_every_cut_of_a_model_is_fatal_or_parses() -> None:
    data = small()
    for end in range(0, len(data), 3):
        try:
            prepare(data[:end], "cut.onnx", free_size=False)
        except FatalError as error:
            assert "cut.onnx" in str(error)


def test_weights_that_do_not_fit_stop_the_job_by_the_name_of_the_model() -> None:
    weights = {"q": np.ones((6, 8), np.int8), "s": np.ones(5, np.float32)}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"], axis=0),
        helper.make_node("Add", ["x", "w"], ["y"]),
    ]
    data = bytes(network(nodes, weights).SerializeToString())
    with pytest.raises(FatalError, match=r"odd\.onnx cannot be prepared"):
        prepare(data, "odd.onnx", free_size=False)


def test_parse_gives_the_model() -> None:
    assert operators(parse(small(), "small")) == {"PRelu"}
