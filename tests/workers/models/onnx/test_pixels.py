import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper

from headcount.errors import FatalError
from tests.workers.networks import shipped
from tests.workers.pictures import noise
from workers.models.onnx.pixels import PIXELS, blob, take_pixels
from workers.models.onnx.prepare import prepare
from workers.models.session import Session, open_session


def session(model: bytes) -> Session:
    return open_session(model, "cpu", name="model under test")


@pytest.mark.parametrize(("mean", "scale", "bgr"), [(0.0, 1.0, True), (127.5, 1 / 128, False)])
def test_a_network_that_takes_pixels_scales_them_as_opencv_does(
    mean: float, scale: float, bgr: bool
) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, "H", "W"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    taking = take_pixels(model.SerializeToString(), "same.onnx", mean=mean, scale=scale, bgr=bgr)
    image = noise(33, 64)
    [shown] = session(taking).run({PIXELS: image[None]})
    theirs = cv2.dnn.blobFromImage(image, scale, mean=(mean,) * 3, swapRB=bgr)
    np.testing.assert_array_equal(shown, theirs)


@pytest.mark.parametrize("name", ["sface", "yunet"])
def test_the_embedded_networks_say_the_same_of_pixels(name: str) -> None:
    size = name == "yunet"
    model = prepare(shipped(name), name, free_size=size)
    image = noise(*((96, 128) if size else (112, 112)))[None]
    plain, taking = session(model), session(take_pixels(model, name))
    theirs = plain.run({next(iter(plain.inputs)): blob(image, 0, 1)})
    for one, other in zip(taking.run({PIXELS: image}), theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_takes_no_image_cannot_take_pixels() -> None:
    row = helper.make_tensor_value_info("row", TensorProto.FLOAT, ["N", 3])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", 3])
    graph = helper.make_graph([helper.make_node("Identity", ["row"], ["out"])], "g", [row], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(FatalError, match=r"row\.onnx takes no image"):
        take_pixels(model.SerializeToString(), "row.onnx")
