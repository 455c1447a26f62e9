import json
from pathlib import Path

import onnxruntime
import pytest

from headcount.errors import FatalError
from tests.workers.models.test_session import doubling
from workers.models.providers import (
    CPU,
    CUDA,
    TENSORRT,
    TENSORRT_LIBRARIES,
    Gpu,
    Needs,
    Options,
    ShapeRange,
    compute_capability,
    engine_folder,
    provider_options,
    require_tensorrt,
    tensorrt_version,
)
from workers.models.session import available_providers

KNOWN = json.loads(Path(__file__).with_name("onnxruntime_options.json").read_text())
"""What a wheel of onnxruntime-gpu knows: python -m benchmarks.gpu.options WHEEL"""
CROPS = ShapeRange((1, 112, 112, 3), (16, 112, 112, 3), (64, 112, 112, 3))


def test_the_cpu_is_told_nothing() -> None:
    assert provider_options(CPU, Gpu(1, 1 << 30), Needs()) == {}


def test_cuda_is_told_the_device_the_memory_and_a_quick_choice_of_kernels() -> None:
    assert provider_options(CUDA, Gpu(1, 1 << 30), Needs()) == {
        "device_id": "1",
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": "0",
        "gpu_mem_limit": str(1 << 30),
    }
    assert "gpu_mem_limit" not in provider_options(CUDA, Gpu(), Needs())


def test_lower_precision_is_for_what_passed_a_gate() -> None:
    half = Needs(half=True)
    assert provider_options(CUDA, Gpu(), half)["use_tf32"] == "1"
    assert provider_options(TENSORRT, Gpu(), half)["trt_fp16_enable"] == "1"
    assert provider_options(TENSORRT, Gpu(), Needs())["trt_fp16_enable"] == "0"


def test_tensorrt_keeps_its_engines_and_knows_the_shapes_to_come() -> None:
    needs = Needs("pixels", CROPS)
    told = provider_options(TENSORRT, Gpu(2, engines=Path("/cache/engines/x")), needs)
    assert told["device_id"] == "2"
    assert told["trt_engine_cache_enable"] == told["trt_timing_cache_enable"] == "1"
    assert told["trt_engine_cache_path"] == told["trt_timing_cache_path"] == "/cache/engines/x"
    assert told["trt_profile_min_shapes"] == "pixels:1x112x112x3"
    assert told["trt_profile_opt_shapes"] == "pixels:16x112x112x3"
    assert told["trt_profile_max_shapes"] == "pixels:64x112x112x3"


def test_without_a_folder_and_shapes_tensorrt_keeps_nothing() -> None:
    told = provider_options(TENSORRT, Gpu(), Needs())
    assert told == {"device_id": "0", "trt_fp16_enable": "0"}


def test_engines_lie_by_model_runtime_and_gpu() -> None:
    folder = engine_folder(Path("/cache/engines"), "ab" * 32, 0)
    assert folder.parent == Path("/cache/engines") / ("ab" * 16)
    assert folder.name.startswith(f"ort{onnxruntime.__version__}-trt")
    assert folder.name.endswith(f"-{compute_capability(0)}")


@pytest.mark.skipif(CUDA in available_providers(), reason="this onnxruntime has CUDA")
def test_without_a_driver_the_gpu_is_unknown() -> None:
    assert compute_capability(0) == "unknown"


# -- what onnxruntime knows ---------------------------------------------------------------------


def everything_told(provider: str) -> Options:
    """All options that a provider is ever told, in 16-bit floats."""
    gpu = Gpu(0, 1 << 30, Path("/cache/engines"))
    return provider_options(provider, gpu, Needs("pixels", CROPS, half=True))


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_every_option_is_one_that_onnxruntime_knows(provider: str) -> None:
    known = KNOWN["options"][provider]
    told = everything_told(provider)
    assert set(told) <= set(known)
    closed = {name: value for name, value in told.items() if known[name]}
    assert all(value in known[name] for name, value in closed.items())
    if provider == CUDA:
        assert set(closed) == {"cudnn_conv_algo_search", "arena_extend_strategy"}


def test_a_misspelt_option_would_be_seen() -> None:
    known = KNOWN["options"][CUDA]
    assert "cudnn_conv_algo_search" in known
    assert "cudnn_conv_algorithm_search" not in known
    assert "HEURISTICS" not in known["cudnn_conv_algo_search"]


@pytest.mark.skipif(CUDA not in available_providers(), reason="this onnxruntime has no CUDA")
@pytest.mark.parametrize("name", everything_told(CUDA))
def test_the_cuda_provider_that_is_installed_takes_every_option(name: str) -> None:
    onnxruntime.preload_dlls()
    told = {name: everything_told(CUDA)[name]}
    try:
        onnxruntime.InferenceSession(doubling(), providers=[(CUDA, told)], enable_fallback=0)
    except Exception as error:  # a GPU that is not there fails otherwise, and later
        assert "Unknown provider option" not in str(error)
        assert "Failed to map enum name" not in str(error)
        assert "Failed to parse value" not in str(error)


def test_tensorrt_is_looked_for_by_the_names_that_its_provider_is_linked_to() -> None:
    assert set(TENSORRT_LIBRARIES) <= set(KNOWN["needs"]["tensorrt"])


def test_a_tensorrt_that_is_not_there_is_said_with_what_to_do() -> None:
    with pytest.raises(FatalError) as caught:
        require_tensorrt(("libnvinfer-of-nobody.so.10",))
    told = str(caught.value)
    assert "libnvinfer-of-nobody.so.10" in told
    assert "TensorRT 10" in told
    assert "LD_LIBRARY_PATH" in told
    assert "--provider cuda" in told


def test_a_tensorrt_that_is_there_is_taken() -> None:
    require_tensorrt(("libc.so.6",))


def test_the_version_of_a_tensorrt_that_is_not_there_is_unknown() -> None:
    try:
        require_tensorrt()
    except FatalError:
        assert tensorrt_version() == "unknown"
    else:
        assert tensorrt_version().startswith("10")
