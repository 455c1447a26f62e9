"""The options that onnxruntime-gpu's providers know, and the libraries that they need.

    python -m benchmarks.gpu.options WHEEL > tests/workers/models/onnxruntime_options.json

They are read from the provider libraries of a wheel of onnxruntime-gpu, without a GPU: names and
values stand in them as texts of their own. Of CUDA's provider those are looked for that its
documentation or its source names; TensorRT's all begin with trt_. tests/workers/test_providers.py
holds headcount's options to this table; where the CUDA provider itself can be loaded, it is asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.gpu.libraries import needed

LIBRARY = "onnxruntime/capi/libonnxruntime_providers_{}.so"
BUILD = "onnxruntime/capi/build_and_package_info.py"
CUDA_NAMES = (
    *("device_id", "has_user_compute_stream", "user_compute_stream", "gpu_mem_limit"),
    *("gpu_external_alloc", "gpu_external_free", "gpu_external_empty_cache"),
    *("arena_extend_strategy", "cudnn_conv_algo_search", "cudnn_conv_use_max_workspace"),
    *("cudnn_conv1d_pad_to_nc1d", "do_copy_in_default_stream", "enable_cuda_graph"),
    *("enable_skip_layer_norm_strict_mode", "fuse_conv_bias", "prefer_nhwc", "sdpa_kernel"),
    *("tunable_op_enable", "tunable_op_max_tuning_duration_ms", "tunable_op_tuning_enable"),
    *("use_ep_level_unified_stream", "use_tf32"),
)
"""https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html"""
CUDA_VALUES = {
    "cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    "arena_extend_strategy": ("kNextPowerOfTwo", "kSameAsRequested"),
}
TENSORRT_NAMES = ("device_id", "has_user_compute_stream", "user_compute_stream")


def read(wheel: Path) -> dict[str, Any]:
    """Read the table of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        build = dict(re.findall(r"(\w+) = '([^']*)'", archive.read(BUILD).decode()))
        cuda, tensorrt = (archive.read(LIBRARY.format(name)) for name in ("cuda", "tensorrt"))
    return {
        "wheel": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "version": build["__version__"],
        "cuda": build["cuda_version"],
        "needs": {"cuda": _of_nvidia(cuda), "tensorrt": _of_nvidia(tensorrt)},
        "options": {
            "CUDAExecutionProvider": {
                name: list(texts(cuda, CUDA_VALUES.get(name, ()))) or None
                for name in texts(cuda, CUDA_NAMES)
            },
            "TensorrtExecutionProvider": dict.fromkeys(
                sorted({*texts(tensorrt, TENSORRT_NAMES), *beginning(tensorrt, b"trt_")})
            ),
        },
    }


def _of_nvidia(library: bytes) -> list[str]:
    return [name for name in needed(library) if re.match(r"lib(cu|nv)", name)]


def texts(library: bytes, names: Iterable[str]) -> list[str]:
    """Find the names that stand in a library as texts of their own, from zero to zero."""
    return [name for name in names if b"\0" + name.encode() + b"\0" in library]


def beginning(library: bytes, start: bytes) -> list[str]:
    """Find the texts of a library that begin so, of small letters, digits and _."""
    found = re.findall(rb"\0(" + start + rb"[a-z0-9_]+)(?=\0)", library)
    return [name.decode() for name in found]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    print(json.dumps(read(parser.parse_args().wheel), indent=1))


if __name__ == "__main__":
    main()
