"""One stage, in a process of its own: `python -m benchmarks.gpu.child NAME FOLDER SECONDS`."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmarks.gpu.asked import Asked
from benchmarks.gpu.budget import STAGES, Deadline
from benchmarks.gpu.runner import save


def main() -> None:
    name, place, seconds = sys.argv[1:]
    (stage,) = (stage for stage in STAGES if stage.name == name)
    folder = Path(place)
    deadline = Deadline(float(seconds))
    module = import_module(f"benchmarks.gpu.{stage.module}")
    figures = module.measure(Asked.read(folder), deadline, partial(save, folder, name))
    save(folder, name, figures)
    if failed := figures.get("failed"):
        sys.exit(f"{len(failed)} of its measurements failed, the first: {failed[0]['reason']}")


if __name__ == "__main__":
    main()
