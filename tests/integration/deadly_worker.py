"""A worker that dies, as the kernel would have it, on photos that say so in their bytes."""

import os
import signal
from typing import Any

from workers import embed
from workers.__main__ import main

MARK = b"this photo kills its worker"

_analyse = embed.analyse


def analyse(data: bytes, *arguments: Any, **options: Any) -> Any:
    """Like the real one, but for the photos that are marked."""
    if MARK in data:
        os.kill(os.getpid(), signal.SIGKILL)
    return _analyse(data, *arguments, **options)


embed.analyse = analyse

if __name__ == "__main__":
    main()
