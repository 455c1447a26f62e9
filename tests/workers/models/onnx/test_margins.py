import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.workers.networks import shipped
from workers.models.detectors.yunet import yunet_form
from workers.models.onnx.margins import hide_margins
from workers.models.onnx.prepare import parse, prepare
from workers.models.session import open_session

RANDOM = np.random.default_rng(5)
CHANNELS = 4


def network(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A network from images to maps, with random weights for each convolution."""
    tensors = [numpy_helper.from_array(np.float32([1, 1, 2, 2]), "twice")]
    for node in nodes:
        if node.op_type == "Conv":
            source = 3 if node.input[0] == "images" else CHANNELS
            size = next((a.ints[0] for a in node.attribute if a.name == "kernel_shape"), 3)
            shapes = ((CHANNELS, source, size, size), (CHANNELS,))
            for name, shape in zip(node.input[1:], shapes, strict=True):
                weights = RANDOM.normal(0, 1, shape).astype(np.float32)
                tensors.append(numpy_helper.from_array(weights, name))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, "H", "W"])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "made", [images], [maps], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def conv(source: str, output: str, size: int = 3, stride: int = 1) -> onnx.NodeProto:
    return helper.make_node(
        "Conv",
        [source, f"{output} weights", f"{output} bias"],
        [output],
        kernel_shape=[size] * 2,
        pads=[size // 2] * 4,
        strides=[stride] * 2,
    )


def pool(source: str, output: str, size: int = 2) -> onnx.NodeProto:
    kind = "MaxPool" if size == 2 else "AveragePool"
    pads = [size // 2 - (size == 2)] * 4
    step = {"kernel_shape": [size] * 2, "strides": [2] * 2, "pads": pads}
    return helper.make_node(kind, [source], [output], **step)


def doubled(source: str, output: str, mode: str = "nearest") -> onnx.NodeProto:
    where = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return helper.make_node("Resize", [source, "", "twice"], [output], mode=mode, **where)


def pyramid() -> onnx.ModelProto:
    """Convolutions down, and up again with a connection across, as detectors have it."""
    return network(
        conv("images", "a", stride=2),
        helper.make_node("Relu", ["a"], ["b"]),
        conv("b", "c"),
        pool("c", "d"),
        conv("d", "e", size=1),
        conv("e", "f", size=5),
        doubled("f", "g"),
        helper.make_node("Add", ["g", "c"], ["h"]),
        conv("h", "maps"),
    )


def with_mask(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network, which is told where its images are."""
    plain, model = model, onnx.ModelProto()
    model.CopyFrom(plain)
    hide_margins(model.graph, "images", "inside")
    model.graph.input.append(
        helper.make_tensor_value_info("inside", TensorProto.FLOAT, ["N", 1, "H", "W"])
    )
    return model


def run(model: onnx.ModelProto, **feeds: NDArray[np.float32]) -> NDArray[np.float32]:
    session = open_session(bytes(model.SerializeToString()), "cpu", name="made")
    return np.asarray(session.run(feeds)[0])


def test_an_image_in_a_larger_one_comes_out_as_if_it_were_alone() -> None:
    model = pyramid()
    image = RANDOM.normal(0, 1, (1, 3, 32, 48)).astype(np.float32)
    alone = run(model, images=image)
    larger, inside = np.zeros((2, 3, 64, 96), np.float32), np.zeros((2, 1, 64, 96), np.float32)
    larger[0, :, :32, :48], inside[0, :, :32, :48] = image, 1
    larger[1], inside[1] = RANDOM.normal(0, 1, (3, 64, 96)), 1
    seen = run(model, images=larger)[0, :, :16, :24]
    assert np.abs(seen - alone[0]).max() > 0.1
    hidden = run(with_mask(model), images=larger, inside=inside)
    np.testing.assert_allclose(hidden[0, :, :16, :24], alone[0], atol=1e-4)
    np.testing.assert_allclose(hidden[1], run(model, images=larger[1:])[0], atol=1e-4)


@pytest.mark.parametrize(
    "nodes",
    [
        [conv("images", "a"), helper.make_node("GlobalAveragePool", ["a"], ["maps"])],
        [conv("images", "a", stride=2), doubled("a", "maps", mode="linear")],
        [conv("images", "a"), pool("a", "maps", size=3)],
        [
            conv("images", "a", stride=2),
            doubled("a", "b"),
            helper.make_node("Add", ["a", "b"], ["maps"]),
        ],
        [doubled("images", "maps")],
    ],
    ids=["the whole", "interpolated", "overlapping pools", "sizes that differ", "enlarged"],
)
def test_a_network_that_sees_margins_otherwise_is_refused(nodes: list[onnx.NodeProto]) -> None:
    with pytest.raises(ValueError, match=r"beyond the image|different sizes"):
        hide_margins(network(*nodes).graph, "images", "inside")


def test_yunet_is_given_where_its_images_are() -> None:
    form = parse(yunet_form(prepare(shipped("yunet"), "yunet", free_size=True), "yunet"), "form")
    onnx.checker.check_model(form)
    (pixels,) = form.graph.input
    assert pixels.type.tensor_type.shape.dim[3].dim_value == 4
    convolutions = [node for node in form.graph.node if node.op_type == "Conv"]
    hidden = [node for node in convolutions if node.input[0].endswith(" within")]
    kernels = {tuple(a.ints) for node in hidden for a in node.attribute if a.name == "kernel_shape"}
    assert kernels == {(3, 3)}
    assert len(hidden) > 20
