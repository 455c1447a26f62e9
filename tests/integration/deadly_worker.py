"""A worker that photos bring down, each in the way that its bytes say."""

import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Any

from headcount.errors import TransientError
from workers.__main__ import main
from workers.stages import embed

KILLS = b"for this photo the kernel kills the worker, as it does where memory ends"
SEGFAULTS = b"this photo leads its decoder out of its memory"
GREEDY = b"this photo takes more memory than the worker may have"
HUNGRY = b"this photo takes all the memory there is"
REFUSED = b"no model takes this photo"

GROUP = "HEADCOUNT_TEST_GROUP"
"""The environment names the control group that the worker is to join, if any."""

_analyse = embed.analyse


def analyse(data: bytes, *arguments: Any, **options: Any) -> Any:
    """Like the real one, but for the photos that are marked."""
    if KILLS in data:
        os.kill(os.getpid(), signal.SIGKILL)
    if SEGFAULTS in data:
        ctypes.string_at(0)
    if GREEDY in data:
        allocate_beyond_the_limit()
    if HUNGRY in data:
        take_all_memory()
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


def take_all_memory(most: int = 4 << 30) -> None:
    """Hold more and more, until the kernel kills this process."""
    held = [b"\1" * (1 << 26) for _ in range(0, most, 1 << 26)]
    raise AssertionError(f"the kernel let it have everything, {len(held)} times")


embed.analyse = analyse

if __name__ == "__main__":
    if GROUP in os.environ:
        Path(os.environ[GROUP]).write_text(str(os.getpid()))
    main()
