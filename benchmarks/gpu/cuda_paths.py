"""Where pip put CUDA's libraries: onnxruntime looks beside itself alone.

Wheels installed into a folder of their own (`pip install --target`) lie elsewhere than those of
CUDA, which came with PyTorch, say. The loader finds them by LD_LIBRARY_PATH, which it reads when a
process starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

FOLDERS = ("nvidia/*/lib", "nvidia/*/lib64", "tensorrt_libs")


def library_path(places: Iterable[str]) -> str:
    """Extend LD_LIBRARY_PATH by the folders of libraries below these places."""
    found = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if path]
    for place in places:
        for pattern in FOLDERS:
            found += sorted(str(path) for path in Path(place or ".").glob(pattern))
    return os.pathsep.join(dict.fromkeys(found))
