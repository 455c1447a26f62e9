import numpy as np
import pytest
from onnx import TensorProto, helper

from headcount.settings import Settings
from tests.workers.pictures import noise
from workers.models.detectors.boxes import padded
from workers.models.detectors.family import COARSE, FINE, PixelScaling, side_multiple
from workers.models.onnx.pixels import PIXELS
from workers.models.session import open_session


def echo() -> bytes:
    """A network that gives the planes it is given."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, "H", "W"]) for name in "xy"
    )
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "echo", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("scaling", [PixelScaling(127.5, 1 / 128), PixelScaling(bgr=True)])
def test_planes_are_what_a_network_that_takes_pixels_makes_of_them(scaling: PixelScaling) -> None:
    image = noise(50, 40)
    session = open_session(scaling.built_into(echo(), "echo"), "cpu", name="echo")
    (seen,) = session.run({PIXELS: padded(image, 64, 64)[None]})
    np.testing.assert_array_equal(scaling.planes(image), seen)


def test_images_are_filled_up_coarsely_for_tensorrt_alone() -> None:
    assert side_multiple(Settings(provider="cpu")) == side_multiple(Settings(provider="cuda")) == 32
    assert side_multiple(Settings(provider="tensorrt")) == COARSE > FINE
