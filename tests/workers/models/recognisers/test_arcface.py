import base64
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from headcount.errors import FatalError
from tests.workers.networks import shipped
from tests.workers.pictures import drawn_face, noise
from workers.images import align
from workers.images.align import SIZE
from workers.models.base import Floats, Image
from workers.models.onnx.pixels import take_pixels
from workers.models.onnx.prepare import parse, prepare
from workers.models.recognisers.arcface import ArcFace, input_scaling, unit_length
from workers.models.session import Session, open_session

WIDTH = 16


GOLDEN = (
    "vhrnpHsoUq00MD8xP66kKGIkQJuTpTMz8CcppqytNqFNHe6jF7BhMRKsqZ67IH0nmLDKLswo2Kq4sBkgXC65r7aq"
    "pjDWLWak2zP3rM6pbCWwMdAu4SRsKr6n66syKA8vfaQuKtssiiqRKxqlmiITpnurjKvfpHkql6wWMEywmqsOqOqu"
    "uq2mrtQcgK5NqFqqJTCIKSasb6w5rlqvALFNsdgpch5QHDum4COxL2arqJ1KsvsltiT0MSEu0ywFMHSwta+3L0uc"
    "RywarTCdHiOPqVCkBi3dLYcjniyxsigqoKz0niCsl6XYl1KtTLLSp4YqrCodry8u1yxyLcuduaxwLQ=="
)
"""The embedded pack's embedding of the drawn face, as fp16 in base64 (onnxruntime 1.32)."""


def made_network(
    batch: int | str, size: int = SIZE, nodes: list[object] | None = None, width: int = WIDTH
) -> bytes:
    """A recogniser that multiplies the mean colour of a crop by a random matrix."""
    weights = np.random.default_rng(1).normal(0, 1, (3, width)).astype(np.float32)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, width])
    tensors = [
        numpy_helper.from_array(weights, "w"),
        numpy_helper.from_array(np.array([1, -1], np.int64), "one row"),
    ]
    plain = [
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes or plain, "made", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def opened(data: bytes, mean: float, std: float) -> Session:
    taking = take_pixels(data, "made.onnx", mean=mean, scale=1 / std)
    return open_session(taking, "cpu", name="made.onnx")


def recogniser(data: bytes) -> ArcFace:
    return ArcFace(opened(data, 127.5, 127.5), name="made.onnx")


def crops(count: int) -> Image:
    """Crops of one colour each, all different."""
    colours = np.random.default_rng(4).integers(0, 256, (count, 1, 1, 3), np.uint8)
    return np.broadcast_to(colours, (count, SIZE, SIZE, 3)).copy()


def sface() -> ArcFace:
    ready = prepare(shipped("sface"), "sface", free_size=False)
    mean, std = input_scaling(parse(ready, "sface").graph)
    return ArcFace(opened(ready, mean, std), name="sface")


def cosines(some: Floats, others: Floats) -> Floats:
    return (unit_length(some) * unit_length(others)).sum(axis=1)


def test_sface_gives_descriptors_of_unit_length() -> None:
    recogniser = sface()
    embeddings = recogniser.embed(np.stack([noise(SIZE, SIZE, seed) for seed in range(5)]))
    assert embeddings.shape == (5, recogniser.dimensions) == (5, 128)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_a_batch_of_sface_is_its_singles() -> None:
    recogniser = sface()
    faces = np.stack([noise(SIZE, SIZE, seed) for seed in range(19)])  # more than one batch
    alone = np.concatenate([recogniser.embed(face[None]) for face in faces])
    np.testing.assert_allclose(recogniser.embed(faces), alone, atol=1e-4)
    assert cosines(alone[:1], alone[1:]).max() < 0.999


def test_no_crops_have_no_descriptors() -> None:
    embeddings = recogniser(made_network("N")).embed(np.zeros((0, SIZE, SIZE, 3), np.uint8))
    assert (embeddings.shape, embeddings.dtype) == ((0, WIDTH), np.float32)


@pytest.mark.parametrize("batch", ["N", 1])
def test_networks_of_free_and_of_fixed_batch_give_the_same(batch: int | str) -> None:
    faces = crops(21)
    expected = recogniser(made_network("N")).embed(faces)
    np.testing.assert_allclose(recogniser(made_network(batch)).embed(faces), expected, atol=1e-6)
    assert len(expected) == len(faces)


def test_a_free_batch_axis_that_folds_the_batch_is_seen_through() -> None:
    folding = [
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
        helper.make_node("Reshape", ["means", "one row"], ["row"]),  # 1 x 3N
        helper.make_node("Slice", ["row", "from", "to", "axes"], ["first"]),
        helper.make_node("MatMul", ["first", "w"], ["y"]),
    ]
    for name, value in (("from", 0), ("to", 3), ("axes", 1)):
        constant = numpy_helper.from_array(np.array([value], np.int64), name)
        folding.insert(0, helper.make_node("Constant", [], [name], value=constant))
    faces = crops(5)
    expected = recogniser(made_network("N")).embed(faces)
    folded = recogniser(made_network("N", nodes=folding))
    np.testing.assert_allclose(folded.embed(faces), expected, atol=1e-6)


def test_another_crop_size_stops_the_job_by_name() -> None:
    with pytest.raises(FatalError, match=r"made\.onnx takes .*112 x 112"):
        recogniser(made_network("N", size=128))


def test_a_network_that_gives_nothing_stops_the_job_by_name() -> None:
    nothing = [
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Sub", ["flat", "flat"], ["zeros"]),
        helper.make_node("MatMul", ["zeros", "w"], ["y"]),
    ]
    with pytest.raises(FatalError, match=r"made\.onnx"):
        recogniser(made_network("N", nodes=nothing))


def test_a_crop_without_a_direction_gets_zeros_and_spares_the_others() -> None:
    faces = crops(3)
    plain = ArcFace(opened(made_network("N"), 0, 1), name="made.onnx")
    expected = plain.embed(faces)
    faces[1] = 0  # a black crop, of which this network makes zeros
    embeddings = plain.embed(faces)
    assert not embeddings[1].any()
    np.testing.assert_allclose(embeddings[[0, 2]], expected[[0, 2]], atol=1e-6)


def test_rows_get_unit_length_or_zeros() -> None:
    rows = np.float32([[3, 4], [0, 0], [np.nan, 1], [np.inf, 1], [1e-30, 0], [3e38, 3e38]])
    root = 0.5**0.5
    expected = [[0.6, 0.8], [0, 0], [0, 0], [0, 0], [1, 0], [root, root]]
    np.testing.assert_allclose(unit_length(rows), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "scaling"),
    [
        (["Conv_0", "Relu_1"], (127.5, 127.5)),
        (["_minusscalar0", "_mulscalar0", "conv0"], (0.0, 1.0)),
        (["Sub_0", "Mul_1", "Conv_2"], (0.0, 1.0)),
        (["Sub_0", "Conv_1"], (127.5, 127.5)),
        ([f"Conv_{n}" for n in range(8)] + ["Sub_8", "Mul_9"], (127.5, 127.5)),
    ],
)
def test_a_network_that_subtracts_is_fed_plain_pixels(
    names: list[str], scaling: tuple[float, float]
) -> None:
    nodes = [helper.make_node("Relu", ["x"], [name], name) for name in names]
    assert input_scaling(helper.make_graph(nodes, "made", [], [])) == scaling


# -- insightface --------------------------------------------------------------------------------


@pytest.mark.insightface
def test_descriptors_are_those_of_insightface(tmp_path: Path) -> None:
    arcface = pytest.importorskip("insightface.model_zoo.arcface_onnx")
    path = tmp_path / "sface.onnx"
    path.write_bytes(prepare(shipped("sface"), "sface", free_size=False))
    faces = np.stack([noise(SIZE, SIZE, seed) for seed in range(4)])
    theirs = arcface.ArcFaceONNX(str(path)).get_feat([face[:, :, ::-1] for face in faces])
    assert cosines(sface().embed(faces), theirs).min() >= 0.999


def cosine_to_golden() -> float:
    image, landmarks = drawn_face()
    embedding = sface().embed(align.crop_faces(image, landmarks[None]))[0]
    return float(embedding @ np.frombuffer(base64.b64decode(GOLDEN), np.float16).astype(np.float32))


def test_the_embedded_pack_gives_a_face_the_embedding_that_archives_hold() -> None:
    assert cosine_to_golden() >= 0.999


def test_a_template_two_pixels_away_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for shift in ([2, 0], [0, 2], [-2, 0], [0, -2]):
        with monkeypatch.context() as patched:
            patched.setattr(align, "_TEMPLATE_MIDDLE", align._TEMPLATE_MIDDLE + np.array(shift))
            assert cosine_to_golden() < 0.99
