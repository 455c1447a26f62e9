"""Dying once at each of some points: a grave in a folder says that somebody died there."""

import os
import signal
from pathlib import Path
from urllib.parse import quote


def die_once(graves: Path, point: str) -> None:
    """Kill this process, as kill -9 does, unless one died here before."""
    try:
        (graves / quote(point, safe="")).touch(exist_ok=False)  # of several at once, one makes it
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
