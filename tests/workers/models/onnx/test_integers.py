import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from workers.models.onnx.integers import relu_on_integers, scale_by_layers
from workers.models.session import open_session

CHANNELS = 4


def network(nodes: list[onnx.NodeProto], **weights: NDArray[np.generic]) -> onnx.ModelProto:
    """A network from x to y, with a convolution ``conv`` from x to a before these nodes."""
    weights["w"] = factors(CHANNELS, 3, 1, 1)
    conv = helper.make_node("Conv", ["x", "w"], ["a"], "conv")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CHANNELS, 8, 8])
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    graph = helper.make_graph([conv, *nodes], "made", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def output(model: onnx.ModelProto) -> NDArray[np.float32]:
    onnx.checker.check_model(model)
    session = open_session(model.SerializeToString(), "cpu", name="made")
    values = np.random.default_rng(4).normal(0, 1, (2, 3, 8, 8)).astype(np.float32)
    return np.asarray(session.run({"x": values})[0])


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def factors(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(0, 0.4, shape).astype(np.float32)


def test_factors_of_channels_become_a_layer_that_does_the_same() -> None:
    for inputs in (["a", "f"], ["f", "a"]):
        model = network([helper.make_node("Mul", inputs, ["y"], "mul")], f=factors(CHANNELS, 1, 1))
        before = output(model)
        scale_by_layers(model)
        assert kinds(model) == ["Conv", "Conv"]
        assert {tensor.name for tensor in model.graph.initializer} == {"w", "mul_factors"}
        np.testing.assert_allclose(output(model), before, atol=1e-6)


def test_other_products_stay() -> None:
    plain = network([helper.make_node("Mul", ["a", "f"], ["y"], "mul")], f=factors(1, 8))
    square = network([helper.make_node("Mul", ["a", "a"], ["y"], "mul")])
    relu = helper.make_node("Relu", ["a"], ["b"], "relu")
    far = network(
        [relu, helper.make_node("Mul", ["b", "f"], ["y"], "mul")], f=factors(CHANNELS, 1, 1)
    )
    for model in (plain, square, far):
        before = model.SerializeToString()
        scale_by_layers(model)
        assert model.SerializeToString() == before


SCALES = {
    "s": np.float32(0.05),
    "z": np.uint8(100),
    "s2": np.float32(0.03),
    "z2": np.uint8(0),
}
QUANTISE = helper.make_node("QuantizeLinear", ["a", "s", "z"], ["q"], "q")
DEQUANTISE = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "d")


def test_relu_between_pairs_is_done_on_integers() -> None:
    relu = helper.make_node("Relu", ["d"], ["r"], "relu")
    again = helper.make_node("QuantizeLinear", ["r", "s2", "z2"], ["rq"], "rq")
    end = helper.make_node("DequantizeLinear", ["rq", "s2", "z2"], ["y"], "y")
    model = network([QUANTISE, DEQUANTISE, relu, again, end], **SCALES)
    before = output(model)
    relu_on_integers(model)
    assert kinds(model) == [
        "Conv",
        "QuantizeLinear",
        "DequantizeLinear",
        "Clip",
        "DequantizeLinear",
    ]
    after = output(model)
    assert after.min() == 0
    assert 0 < np.abs(after - before).max() <= SCALES["s2"] / 2 + 1e-6  # one rounding less


def test_relu_that_ends_in_floats_stays() -> None:
    model = network(
        [QUANTISE, DEQUANTISE, helper.make_node("Relu", ["d"], ["y"], "relu")], **SCALES
    )
    before = output(model)
    relu_on_integers(model)
    assert kinds(model) == ["Conv", "QuantizeLinear", "DequantizeLinear", "Relu"]
    np.testing.assert_array_equal(output(model), before)
