"""The part of benchmarks/speed/against_build.py that runs inside a build, this one or an earlier.

    python -P build_child.py < ASKED.json

It stands alone: from the build on its path it takes what this needs, wherever that build has it,
and nothing else of `benchmarks`. ASKED has `ask`: `versions`, or `analysis` with `photos`, `pack`,
`profile` and `threads`. It answers with one line of JSON.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

MOST_PIXELS = 10**9
WARM_PHOTOS = 8
"""Photos analysed before the measured ones, which make threads, buffers and code warm."""
PACKAGES = (
    *("onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "opencv-python", "numpy"),
    *("onnx", "pillow", "simplejpeg", "pylance", "pyarrow", "faiss-cpu", "celery"),
)
OURS = ("headcount", "orchestrator", "workers")

ANALYSE = ("workers.faces.analysis:analyse", "workers.analyse:analyse")
OPEN_PACK = ("workers.models.packs.open:open_pack", "workers.models.packs:open_pack")
S3_SETTINGS = ("headcount.s3_settings:S3Settings", "headcount.settings:S3Settings")
SETTINGS = ("headcount.settings:Settings",)
"""Places of each part, in the layouts that builds have had, the latest first."""


class UnknownLayoutError(Exception):
    """A build that has a part at no known place, or in another form."""


def part(places: tuple[str, ...]) -> Any:
    """Import a part from the first place that this build has."""
    for place in places:
        module, _, name = place.partition(":")
        if there(module) and hasattr(found := importlib.import_module(module), name):
            return getattr(found, name)
    raise UnknownLayoutError(f"it has none of {', '.join(places)}; --only run needs no layout")


def there(module: str) -> bool:
    """True if this build has the module; other imports that fail on the way are raised.

    An interpreter with an editable install finds modules of that one that this build has not.
    """
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in OURS:
            return False
        raise
    return spec is not None and Path(str(spec.origin)).is_relative_to(folder_of(module))


def folder_of(module: str) -> Path:
    """Folder of the package at the top of a module's name."""
    return Path(str(importlib.import_module(module.partition(".")[0]).__file__)).parent


def versions() -> dict[str, Any]:
    """Folder that the build's code comes from, its Python and its packages."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    folders = {str(folder_of(name).parent) for name in OURS}
    return {"folders": sorted(folders), "python": platform.python_version(), "packages": found}


def analyser(pack: str, profile: str) -> Callable[[bytes], Any]:
    """Open the pack and give the function that analyses the bytes of one photo."""
    analyse = part(ANALYSE)
    if not {"max_pixels", "profile"} <= set(inspect.signature(analyse).parameters):
        raise UnknownLayoutError(f"{analyse.__module__}.analyse takes no profile")
    opened = part(OPEN_PACK)(pack, part(SETTINGS)(), part(S3_SETTINGS)())
    return lambda data: analyse(data, opened, max_pixels=MOST_PIXELS, profile=profile)


def analysis(asked: dict[str, Any]) -> dict[str, Any]:
    """Seconds, CPU seconds, faces and seconds by stage of the analysis of photos in memory."""
    photos = [Path(photo).read_bytes() for photo in asked["photos"]]
    one = analyser(asked["pack"], asked["profile"])
    with ThreadPoolExecutor(asked["threads"]) as pool:
        list(pool.map(one, photos[:WARM_PHOTOS]))
        began, cpu_began = time.perf_counter(), time.process_time()
        found = list(pool.map(one, photos))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    stages: Counter[str] = Counter()
    for each in found:
        stages.update(each.seconds)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "photos": len(photos),
        "faces": sum(len(each) for each in found),
        "usable": sum(int(each.usable.sum()) for each in found),
        "stages": dict(stages),
    }


def main() -> None:
    asked = json.load(sys.stdin)
    try:
        print(json.dumps(versions() if asked["ask"] == "versions" else analysis(asked)))
    except UnknownLayoutError as error:
        sys.exit(f"the layout of this build is unknown: {error}")


if __name__ == "__main__":
    main()
