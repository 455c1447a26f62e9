from pathlib import Path

import onnxruntime
import pytest

from workers.models.providers import (
    CPU,
    CUDA,
    TENSORRT,
    Gpu,
    Needs,
    ShapeRange,
    compute_capability,
    engine_folder,
    provider_options,
)
from workers.models.session import available_providers

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
