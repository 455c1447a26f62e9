"""Inference sessions: the one door to onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the library is loaded

import onnxruntime as ort
from numpy.typing import NDArray

from headcount.errors import FatalError, TransientError
from headcount.settings import Provider, Settings

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

_ASKED = {"cpu": [CPU], "cuda": [CUDA, CPU], "tensorrt": [TENSORRT, CUDA, CPU]}


class Network(Protocol):
    """A model that runs. May be called from many threads at once."""

    @property
    def provider(self) -> str:
        """Where it runs, in onnxruntime's words."""
        ...

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        ...

    @property
    def inputs(self) -> dict[str, list[int | None]]:
        """The shape of each input; None where an axis is free."""
        ...

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Every output for these inputs. Raises TransientError, for a device that gave up."""
        ...


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a GPU is told: which one, how many bytes of it at most (0: all), where engines are kept.

    ``engines`` is a folder for TensorRT's engines, which take minutes to build; TensorRT names
    them after the network, its own version and the GPU.
    """

    device: int = 0
    memory: int = 0
    engines: Path | None = None

    def options(self, provider: str) -> dict[str, str]:
        """The options of a provider.

        HEURISTIC: an exhaustive search costs over half a second for each new input shape.
        https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
        """
        if provider == CPU:
            return {}
        told = {"device_id": str(self.device)}
        if provider == CUDA:
            told |= {
                "cudnn_conv_algo_search": "HEURISTIC",
                "arena_extend_strategy": "kSameAsRequested",
            }
            return told | ({"gpu_mem_limit": str(self.memory)} if self.memory else {})
        told |= {"trt_fp16_enable": "0"}
        if self.engines is not None:
            told |= {
                "trt_engine_cache_enable": "1",
                "trt_engine_cache_path": str(self.engines),
                "trt_timing_cache_enable": "1",
                "trt_timing_cache_path": str(self.engines),
            }
        return told


class Session:
    """A model that runs. May be called from many threads at once."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.outputs = [output.name for output in session.get_outputs()]

    @property
    def provider(self) -> str:
        """Where it runs, in onnxruntime's words."""
        return str(self._session.get_providers()[0])

    @property
    def inputs(self) -> dict[str, list[int | None]]:
        """The shape of each input; None where an axis is free."""
        return {
            value.name: [size if isinstance(size, int) else None for size in value.shape]
            for value in self._session.get_inputs()
        }

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Every output for these inputs. Raises TransientError, for a device that gave up."""
        try:
            outputs: list[NDArray[Any]] = self._session.run(None, dict(feeds))
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise TransientError(f"inference failed on {self.provider}: {error}") from error
        return outputs


def available_providers() -> list[str]:
    """What this onnxruntime can run models on, in its own words, the best first."""
    return list(ort.get_available_providers())


def choose_providers(asked: Provider, available: list[str]) -> list[str]:
    """The providers to ask for, the first of them required.

    Raises FatalError where a GPU was asked for that this onnxruntime cannot use.
    """
    if asked == "auto":
        return _ASKED["cuda"] if CUDA in available else _ASKED["cpu"]
    wanted = _ASKED[asked]
    if wanted[0] not in available:
        raise FatalError(
            f"the provider {asked} was asked for, and this onnxruntime has only "
            f"{', '.join(available)}. Install headcount[gpu] on a machine with an NVIDIA driver "
            "and CUDA (and uninstall onnxruntime, which hides onnxruntime-gpu), or ask for "
            "--provider cpu"
        )
    return [provider for provider in wanted if provider in available]


def units_at_once(settings: Settings) -> int:
    """How many shards a worker works on: two keep a GPU's batches full while one of them ends.

    Raises FatalError where the GPU that was asked for is not there.
    """
    if settings.shards_at_once is not None:
        return settings.shards_at_once
    chosen = choose_providers(settings.provider, available_providers())
    return 1 if chosen[0] == CPU else 2


def open_session(
    model: bytes | Path, provider: Provider, *, name: str, gpu: Gpu | None = None
) -> Session:
    """Load a model. ``name`` is what errors call it.

    Raises FatalError where the model cannot be loaded, or the provider asked for is not the one
    that would run it: a GPU that silently is a CPU is ten times slower.
    """
    if hasattr(ort, "preload_dlls") and provider != "cpu":
        ort.preload_dlls()
    providers = choose_providers(provider, available_providers())
    source = model if isinstance(model, bytes) else str(model)
    told = gpu or Gpu()
    try:
        session = ort.InferenceSession(
            source, _options(), providers=[(p, told.options(p)) for p in providers]
        )
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise FatalError(f"the model {name} cannot be loaded: {error}") from error
    made = Session(session)
    if made.provider != providers[0] and provider != "auto":
        raise FatalError(
            f"the provider {provider} was asked for, and {name} would run on {made.provider}: "
            "the GPU, its driver or its CUDA libraries are missing. Mend that, or ask for "
            "--provider cpu"
        )
    return made


def _options() -> ort.SessionOptions:
    """One thread per call, without spinning: the workers' own threads are the parallelism."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # shapes vary: a pattern would be kept for each of them
    options.log_severity_level = 3
    return options
