"""Analyse one photo, and print its peak memory, seconds and result: run by worst.py.

Finds the functions where this build or an earlier one has them.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from headcount.errors import PhotoError
from headcount.settings import Settings

PLACES = {
    "open_pack": ("workers.models.packs.open", "workers.models.packs"),
    "analyse": ("workers.faces.analysis", "workers.analyse"),
    "S3Settings": ("headcount.s3_settings", "headcount.settings"),
}


def found(name: str) -> Any:
    """The function or class of this name."""
    for place in PLACES[name]:
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    raise SystemExit(f"no {name} in this build")


def main() -> None:
    settings = Settings(threads=1)
    pack, analyse = (
        found("open_pack")("embedded", settings, found("S3Settings")()),
        found("analyse"),
    )
    small = io.BytesIO()
    Pillow.new("RGB", (1600, 1200), "grey").save(small, "JPEG")
    analyse(small.getvalue(), pack, max_pixels=settings.max_pixels)
    data = Path(sys.argv[1]).read_bytes()
    began = time.monotonic()
    try:
        analysis = analyse(data, pack, max_pixels=settings.max_pixels)
        said = f"{len(analysis)} faces" + (f"; {note}" if (note := _note(analysis)) else "")
    except PhotoError as error:
        said = f"{error.outcome.value}: {error.reason}"
    seconds = time.monotonic() - began
    print(json.dumps({"mib": _peak(), "seconds": seconds, "said": said}))


def _peak() -> int:
    """Peak of resident memory since this program began; ru_maxrss has the parent's in it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


def _note(analysis: Any) -> str | None:
    return getattr(analysis, "note", None)


if __name__ == "__main__":
    main()
