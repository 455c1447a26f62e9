"""Inference sessions: the one door to onnxruntime."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the library is loaded

import onnxruntime as ort
from numpy.typing import NDArray

from headcount.errors import FatalError, TransientError
from headcount.settings import Provider, Settings
from workers.models.providers import (
    CPU,
    CUDA,
    TENSORRT,
    Gpu,
    Needs,
    provider_options,
    require_tensorrt,
)
from workers.models.shapes import MOST_SHAPES, ByShape

_ASKED = {"cpu": [CPU], "cuda": [CUDA, CPU], "tensorrt": [TENSORRT, CUDA, CPU]}


class Network(Protocol):
    """A model that runs. May be called from many threads at once."""

    @property
    def provider(self) -> str:
        """Provider that it runs on, by onnxruntime's name."""
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
        """Run the network; every output. Raises TransientError where the device failed."""
        ...


class Session:
    """A model that runs. May be called from many threads at once."""

    def __init__(self, sessions: ByShape[ort.InferenceSession], gpu: int = 0) -> None:
        self._sessions = sessions
        self._gpu = gpu
        self.outputs = [output.name for output in sessions.first.get_outputs()]

    @property
    def provider(self) -> str:
        """Provider that it runs on, by onnxruntime's name."""
        return str(self._sessions.first.get_providers()[0])

    @property
    def inputs(self) -> dict[str, list[int | None]]:
        """The shape of each input; None where an axis is free."""
        return {
            value.name: [size if isinstance(size, int) else None for size in value.shape]
            for value in self._sessions.first.get_inputs()
        }

    def bound(self) -> BoundSession:
        """The same network, of one input, for one thread."""
        device = ("cpu", 0) if self.provider == CPU else ("cuda", self._gpu)
        return BoundSession(self, self._sessions, device)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run the network; every output. Raises TransientError where the device failed."""
        shapes = tuple(values.shape for values in feeds.values())
        try:
            session = self._sessions.at(shapes)
            outputs: list[NDArray[Any]] = session.run(None, dict(feeds))
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise TransientError(f"inference failed on {self.provider}: {error}") from error
        return outputs


class BoundSession:
    """A network with one input, run by one thread, from buffers that stay on its device.

    The buffers of the latest shapes are kept: fixed shapes are neither allocated nor bound again.
    """

    def __init__(
        self, plain: Session, sessions: ByShape[ort.InferenceSession], device: tuple[str, int]
    ) -> None:
        self.provider, self.inputs, self.outputs = plain.provider, plain.inputs, plain.outputs
        self._sessions = sessions
        self._device = device
        self._kept: OrderedDict[tuple[object, ...], _Bound] = OrderedDict()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run the network; every output, copied. Raises TransientError where the device failed."""
        [(name, values)] = feeds.items()
        kind = (values.shape, values.dtype)
        try:
            session = self._sessions.at((values.shape,))
            kept = self._kept.pop(kind, None)
            if kept is None or kept.session is not session:
                kept = self._bind(session, name, values)
            kept.value.update_inplace(values)
            session.run_with_iobinding(kept.binding)
            outputs: list[NDArray[Any]] = kept.binding.copy_outputs_to_cpu()
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise TransientError(f"inference failed on {self.provider}: {error}") from error
        self._kept[kind] = kept
        if len(self._kept) > MOST_SHAPES:
            self._kept.popitem(last=False)
        return outputs

    def _bind(self, session: ort.InferenceSession, name: str, values: NDArray[Any]) -> _Bound:
        """Make buffers on the device for an input of this shape and for the outputs."""
        value = ort.OrtValue.ortvalue_from_shape_and_type(values.shape, values.dtype, *self._device)
        binding = session.io_binding()
        binding.bind_ortvalue_input(name, value)
        for output in self.outputs:
            binding.bind_output(output, *self._device)
        return _Bound(session, value, binding)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A session with its input's buffer on the device."""

    session: ort.InferenceSession
    value: ort.OrtValue
    binding: ort.IOBinding


def available_providers() -> list[str]:
    """Providers of this onnxruntime by its own names, the best first."""
    return list(ort.get_available_providers())


def choose_providers(asked: Provider, available: list[str]) -> list[str]:
    """Choose the providers to ask for; the first of them is required.

    Raises FatalError where a GPU was asked for that this onnxruntime cannot use.
    """
    if asked == "auto":
        return _ASKED["cuda"] if CUDA in available else _ASKED["cpu"]
    wanted = _ASKED[asked]
    if wanted[0] not in available:
        raise FatalError(
            f"the provider {asked} was asked for, and this onnxruntime has only "
            f"{', '.join(available)}. Install headcount[gpu] on a machine with an NVIDIA driver "
            "and CUDA 13, headcount[cuda] on one with the driver alone (and uninstall onnxruntime, "
            "which hides onnxruntime-gpu), or ask for --provider cpu"
        )
    return [provider for provider in wanted if provider in available]


def units_at_once(settings: Settings) -> int:
    """Number of shards a worker has at once: two keep a GPU's batches full while one of them ends.

    Raises FatalError where the GPU that was asked for is not there.
    """
    if settings.shards_at_once is not None:
        return settings.shards_at_once
    chosen = choose_providers(settings.provider, available_providers())
    return 1 if chosen[0] == CPU else 2


def open_session(
    model: bytes | Path,
    provider: Provider,
    *,
    name: str,
    gpu: Gpu | None = None,
    needs: Needs | None = None,
) -> Session:
    """Load a model. ``name`` is what errors call it; ``needs`` is what it asks of a GPU.

    Raises FatalError where the model cannot be loaded, or the provider asked for is not the one
    that would run it: a GPU that silently is a CPU is ten times slower.
    """
    if hasattr(ort, "preload_dlls") and provider != "cpu":
        ort.preload_dlls()
    providers = choose_providers(provider, available_providers())
    if TENSORRT in providers:
        require_tensorrt()
    source = model if isinstance(model, bytes) else str(model)
    gpu, needs = gpu or Gpu(), needs or Needs()
    told = [(p, provider_options(p, gpu, needs)) for p in providers]
    # Told otherwise, onnxruntime prints why a provider fails, and tries the CPU by itself.
    fallback = int(provider == "auto")

    def opened() -> ort.InferenceSession:
        return ort.InferenceSession(source, _options(), providers=told, enable_fallback=fallback)

    try:
        first = opened()
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise FatalError(f"the model {name} cannot be loaded on {providers[0]}: {error}") from error
    by_shape = str(first.get_providers()[0]) == CUDA
    made = Session(ByShape(first, opened if by_shape else None), gpu.device)
    if made.provider != providers[0] and provider != "auto":
        raise FatalError(
            f"the provider {provider} was asked for, and {name} would run on {made.provider}: "
            "the GPU, its driver or its CUDA libraries are missing (headcount[cuda] brings the "
            "libraries). Mend that, or ask for --provider cpu"
        )
    return made


def _options() -> ort.SessionOptions:
    """Options for one thread per call, without spinning: workers have threads of their own."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # shapes vary: a pattern would be kept for each of them
    options.log_severity_level = 3
    return options
