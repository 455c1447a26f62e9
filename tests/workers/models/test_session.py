import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from headcount.errors import FatalError, TransientError
from headcount.settings import Settings
from workers.models.providers import CPU, CUDA, TENSORRT, require_tensorrt
from workers.models.session import (
    available_providers,
    choose_providers,
    open_session,
    units_at_once,
)

EVERYTHING = [TENSORRT, CUDA, CPU]


def doubling() -> bytes:
    """A network that doubles a row of any length."""
    row = helper.make_tensor_value_info("row", TensorProto.FLOAT, ["N", 3])
    twice = helper.make_tensor_value_info("twice", TensorProto.FLOAT, ["N", 3])
    graph = helper.make_graph(
        [helper.make_node("Add", ["row", "row"], ["twice"])], "g", [row], [twice]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("asked", "available", "chosen"),
    [
        ("auto", [CPU], [CPU]),
        ("auto", [CUDA, CPU], [CUDA, CPU]),
        ("auto", EVERYTHING, [CUDA, CPU]),  # TensorRT builds engines for minutes: only if asked
        ("auto", [TENSORRT, CPU], [CPU]),
        ("auto", ["AzureExecutionProvider", CPU], [CPU]),
        ("cpu", [CPU], [CPU]),
        ("cpu", EVERYTHING, [CPU]),
        ("cuda", [CUDA, CPU], [CUDA, CPU]),
        ("cuda", EVERYTHING, [CUDA, CPU]),
        ("tensorrt", EVERYTHING, EVERYTHING),
        ("tensorrt", [TENSORRT, CPU], [TENSORRT, CPU]),
    ],
)
def test_providers_are_chosen(asked: str, available: list[str], chosen: list[str]) -> None:
    assert choose_providers(asked, available) == chosen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "available"),
    [("cuda", [CPU]), ("cuda", [TENSORRT, CPU]), ("tensorrt", [CPU]), ("tensorrt", [CUDA, CPU])],
)
def test_a_gpu_that_was_asked_for_and_is_not_there_stops_the_job(
    asked: str, available: list[str]
) -> None:
    with pytest.raises(FatalError) as caught:
        choose_providers(asked, available)  # type: ignore[arg-type]
    told = str(caught.value)
    assert asked in told
    assert CPU in told
    assert "headcount[gpu]" in told
    assert "headcount[cuda]" in told
    assert "--provider cpu" in told


@pytest.mark.skipif(CUDA in available_providers(), reason="this onnxruntime has CUDA")
def test_no_session_is_opened_on_a_cpu_where_cuda_was_asked_for() -> None:
    with pytest.raises(FatalError, match="--provider cpu"):
        open_session(doubling(), "cuda", name="doubling.onnx")


def test_a_model_from_bytes_and_from_a_file_runs(tmp_path: Path) -> None:
    path = tmp_path / "doubling.onnx"
    path.write_bytes(doubling())
    for source in (doubling(), path):
        session = open_session(source, "cpu", name="doubling.onnx")
        assert session.provider == CPU
        assert session.inputs == {"row": [None, 3]}
        assert session.outputs == ["twice"]
        (twice,) = session.run({"row": np.ones((2, 3), np.float32)})
        np.testing.assert_array_equal(twice, np.full((2, 3), 2))


@pytest.mark.parametrize(
    "model", [b"", b"no model", doubling()[:-20]], ids=["empty", "text", "cut"]
)
def test_what_is_no_model_stops_the_job_by_its_name(model: bytes) -> None:
    with pytest.raises(FatalError, match=r"face\.onnx cannot be loaded"):
        open_session(model, "cpu", name="face.onnx")


def test_a_missing_model_file_stops_the_job_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"face\.onnx cannot be loaded"):
        open_session(tmp_path / "absent.onnx", "cpu", name="face.onnx")


def test_an_inference_that_fails_is_transient() -> None:
    session = open_session(doubling(), "cpu", name="doubling.onnx")
    with pytest.raises(TransientError, match=CPU):
        session.run({"row": np.ones((2, 4), np.float32)})


def test_one_session_serves_many_threads() -> None:
    session, gate = open_session(doubling(), "cpu", name="doubling.onnx"), threading.Barrier(8)

    def run(number: int) -> float:
        gate.wait(10)
        return float(session.run({"row": np.full((1, 3), number, np.float32)})[0].sum())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(8))) == [6.0 * number for number in range(8)]


@pytest.mark.parametrize(("asked", "falls_back"), [("cpu", 0), ("auto", 1)])
def test_onnxruntime_takes_the_cpu_by_itself_only_where_the_choice_was_left_to_it(
    asked: str, falls_back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    class Watched(ort.InferenceSession):  # type: ignore[misc]
        def __init__(self, *args: object, **kwargs: object) -> None:
            told.append(kwargs["enable_fallback"])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(ort, "InferenceSession", Watched)
    open_session(doubling(), asked, name="doubling.onnx")  # type: ignore[arg-type]
    assert told == [falls_back]


def test_tensorrt_that_is_not_there_is_refused_before_a_network_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.models.session.available_providers", lambda: EVERYTHING)
    monkeypatch.setattr(
        "workers.models.session.require_tensorrt",
        lambda: require_tensorrt(("libnvinfer-of-nobody.so.10",)),
    )
    with pytest.raises(FatalError, match=r"libnvinfer-of-nobody\.so\.10"):
        open_session(b"no model", "tensorrt", name="x.onnx")


def test_a_worker_without_a_gpu_has_one_shard_in_hand_unless_it_is_told() -> None:
    assert units_at_once(Settings(provider="cpu")) == 1
    assert units_at_once(Settings(provider="cpu", shards_at_once=3)) == 3


# -- bound to buffers ---------------------------------------------------------------------------


def numbers(rows: int, start: float) -> NDArray[np.float32]:
    return np.arange(start, start + 3 * rows, dtype=np.float32).reshape(rows, 3)


def test_a_bound_session_gives_what_the_session_gives_shape_after_shape() -> None:
    session = open_session(doubling(), "cpu", name="doubling.onnx")
    bound = session.bound()
    for rows in (1, 4, 1, 8, 4, 1):
        given = numbers(rows, rows)
        np.testing.assert_array_equal(bound.run({"row": given})[0], session.run({"row": given})[0])


def test_outputs_of_a_bound_session_stay_when_it_runs_again() -> None:
    bound = open_session(doubling(), "cpu", name="doubling.onnx").bound()
    (first,) = bound.run({"row": numbers(2, 0)})
    bound.run({"row": numbers(2, 100)})
    np.testing.assert_array_equal(first, 2 * numbers(2, 0))


def test_a_bound_session_that_failed_runs_again() -> None:
    bound = open_session(doubling(), "cpu", name="doubling.onnx").bound()
    for _ in range(2):
        with pytest.raises(TransientError, match=CPU):
            bound.run({"row": np.ones((2, 4), np.float32)})
        np.testing.assert_array_equal(bound.run({"row": numbers(2, 5)})[0], 2 * numbers(2, 5))


def test_more_shapes_than_are_kept_run_all_the_same() -> None:
    bound = open_session(doubling(), "cpu", name="doubling.onnx").bound()
    for rows in [*range(1, 25), *range(1, 25)]:
        np.testing.assert_array_equal(bound.run({"row": numbers(rows, 0)})[0], 2 * numbers(rows, 0))
