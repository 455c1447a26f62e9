"""A worker whose engine costs a known time per photo and finds in each what is in the first.

For photos that are copies of one: scheduling is what is tested then, not inference.
"""

import os
import time
from typing import Any

from workers.__main__ import main
from workers.stages import embed

LATENCY = float(os.environ.get("FAKE_ENGINE_SECONDS", "0.05"))

_analyse = embed.analyse
_found: list[Any] = []


def analyse(data: bytes, *arguments: Any, **options: Any) -> Any:
    """What the real one says of the first photo, after a fixed time."""
    if not _found:
        _found.append(_analyse(data, *arguments, **options))
    time.sleep(LATENCY)
    return _found[0]


embed.analyse = analyse

if __name__ == "__main__":
    main()
