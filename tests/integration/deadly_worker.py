"""A worker that dies, or whose models fail, on photos that say so in their bytes."""

import os
import signal
from typing import Any

from headcount.errors import TransientError
from workers import embed
from workers.__main__ import main

MARK = b"this photo kills its worker"
REFUSED = b"no model takes this photo"

_analyse = embed.analyse


def analyse(data: bytes, *arguments: Any, **options: Any) -> Any:
    """Like the real one, but for the photos that are marked."""
    if MARK in data:
        os.kill(os.getpid(), signal.SIGKILL)
    if REFUSED in data:
        raise TransientError("inference failed")
    return _analyse(data, *arguments, **options)


embed.analyse = analyse

if __name__ == "__main__":
    main()
