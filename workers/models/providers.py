"""Options of onnxruntime's providers as values, and the folder of TensorRT's engines.

Names: https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html and
https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from headcount.errors import FatalError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

TENSORRT_LIBRARIES = ("libnvinfer.so.10", "libnvonnxparser.so.10")
"""What onnxruntime-gpu's TensorRT provider is linked to (benchmarks/gpu/options.py reads it)."""
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR

Options = dict[str, str]


@dataclass(frozen=True, slots=True)
class ShapeRange:
    """The shapes of a network's input that an engine is made for, and tuned to."""

    smallest: tuple[int, ...]
    usual: tuple[int, ...]
    largest: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its number, most bytes of memory (0: all), folder of engines (None: none are kept)."""

    device: int = 0
    memory: int = 0
    engines: Path | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Demands of a network on a GPU's provider.

    ``half``: it passed a gate in lower precision, so the GPU may compute in it. ``shapes``: those
    that ``input`` will have; one range, since onnxruntime runs an engine's first profile alone
    (https://github.com/microsoft/onnxruntime/pull/31624).
    """

    input: str = ""
    shapes: ShapeRange | None = None
    half: bool = False


def provider_options(provider: str, gpu: Gpu, needs: Needs) -> Options:
    """Options of one provider for one network."""
    if provider == CUDA:
        return _cuda(gpu, needs)
    return _tensorrt(gpu, needs) if provider == TENSORRT else {}


def _cuda(gpu: Gpu, needs: Needs) -> Options:
    options = {
        "device_id": str(gpu.device),
        # An exhaustive search costs over half a second for each new input shape.
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        # TF32 rounds products to 10 bits, as fp16 does: only for what passed a gate.
        "use_tf32": _flag(needs.half),
    }
    return options | ({"gpu_mem_limit": str(gpu.memory)} if gpu.memory else {})


def _tensorrt(gpu: Gpu, needs: Needs) -> Options:
    options = {"device_id": str(gpu.device), "trt_fp16_enable": _flag(needs.half)}
    if gpu.engines is not None:
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(gpu.engines),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(gpu.engines),
        }
    if needs.shapes is not None:
        options |= {
            "trt_profile_min_shapes": _shape(needs.input, needs.shapes.smallest),
            "trt_profile_opt_shapes": _shape(needs.input, needs.shapes.usual),
            "trt_profile_max_shapes": _shape(needs.input, needs.shapes.largest),
        }
    return options


def _flag(is_so: bool) -> str:
    return "1" if is_so else "0"


def _shape(name: str, shape: tuple[int, ...]) -> str:
    return f"{name}:{'x'.join(str(size) for size in shape)}"


def require_tensorrt(libraries: Sequence[str] = TENSORRT_LIBRARIES) -> None:
    """Raise FatalError unless the loader finds TensorRT, by the names that onnxruntime asks for."""
    for name in libraries:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise FatalError(
                f"the provider tensorrt was asked for, and TensorRT 10 is not there: {error}. "
                "No extra of headcount brings it: install NVIDIA's TensorRT 10 for CUDA 13 and "
                "name its folder of libraries in LD_LIBRARY_PATH, or ask for --provider cuda"
            ) from error


def tensorrt_version() -> str:
    """Version of the TensorRT that the loader finds, as it says it; ``unknown`` without one."""
    try:
        return str(ctypes.CDLL(TENSORRT_LIBRARIES[0]).getInferLibVersion())
    except (OSError, AttributeError):
        return "unknown"


def engine_folder(root: Path, digest: str, gpu: int) -> Path:
    """Folder of the engines of the model with this SHA-256.

    An engine runs with the TensorRT and on the kind of GPU that it was made with, and no other.
    """
    runtime = _version("onnxruntime-gpu", "onnxruntime")
    made_for = f"trt{tensorrt_version()}-{compute_capability(gpu)}"
    return root / digest[:32] / f"ort{runtime}-{made_for}"


def _version(*packages: str) -> str:
    """Version of the first of these packages that is installed."""
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def compute_capability(gpu: int) -> str:
    """Compute capability of a GPU, as its driver names it (``sm90``); ``unknown`` without one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "unknown"
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), gpu)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    )
    return "unknown" if failed else f"sm{major.value}{minor.value}"
