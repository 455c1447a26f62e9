"""One ONNX file of a pack: prepared, and opened on the provider that is set."""

from __future__ import annotations

from dataclasses import dataclass

from headcount.settings import Settings
from workers.models.onnx.prepare import prepared, sha256
from workers.models.providers import CPU, Gpu, Needs, engine_folder
from workers.models.session import Network, Session, open_session


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One ONNX file of a pack.

    ``ready``: it runs as it is. ``source``: the SHA-256 of the file that it was prepared from.
    """

    name: str
    data: bytes
    ready: bool = False
    source: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.data)

    @property
    def identity(self) -> str:
        """SHA-256 of the file as it was shipped: the same before and after preparation."""
        return self.source or self.digest


def ready_form(file: ModelFile, settings: Settings, *, free_size: bool) -> bytes:
    """A model as it is run: its own bytes where it is ready, else prepared, through the cache."""
    if file.ready:
        return file.data
    return prepared(file.data, file.name, settings.cache_dir, free_size=free_size)


def open_network(
    data: bytes, file: ModelFile, settings: Settings, needs: Needs | None = None
) -> Session:
    """Open some form of a file, ``data``, on the provider that is set. Raises FatalError."""
    engines = None
    if settings.provider == "tensorrt":
        root = settings.cache_dir / "engines"
        engines = engine_folder(root, sha256(data), settings.gpu_device)
        engines.mkdir(parents=True, exist_ok=True)
    gpu = Gpu(settings.gpu_device, settings.gpu_memory, engines)
    return open_session(data, settings.provider, name=file.name, gpu=gpu, needs=needs)


def wants_batches(settings: Settings, session: Network) -> bool:
    """Whether requests are run together: as the settings say; with ``auto``, only on a GPU."""
    if settings.batching == "auto":
        return session.provider != CPU
    return settings.batching == "on"
