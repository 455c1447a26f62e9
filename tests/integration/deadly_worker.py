"""A worker that photos bring down, each in the way that its bytes say."""

import ctypes
import os
import resource
import signal
from typing import Any

from headcount.errors import TransientError
from workers import embed
from workers.__main__ import main

KILLS = b"for this photo the kernel kills the worker, as it does where memory ends"
SEGFAULTS = b"this photo leads its decoder out of its memory"
GREEDY = b"this photo takes more memory than the worker may have"
REFUSED = b"no model takes this photo"

_analyse = embed.analyse


def analyse(data: bytes, *arguments: Any, **options: Any) -> Any:
    """Like the real one, but for the photos that are marked."""
    if KILLS in data:
        os.kill(os.getpid(), signal.SIGKILL)
    if SEGFAULTS in data:
        ctypes.string_at(0)
    if GREEDY in data:
        allocate_beyond_the_limit()
    if REFUSED in data:
        raise TransientError("inference failed")
    return _analyse(data, *arguments, **options)


def allocate_beyond_the_limit() -> None:
    """Ask for more than this process may have: MemoryError, from the allocator itself."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 40, before[1]))
    try:
        bytearray(1 << 41)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


embed.analyse = analyse

if __name__ == "__main__":
    main()
