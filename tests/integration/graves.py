"""Dying once at each of some points: a grave in a folder says that somebody died there."""

import os
import signal
from pathlib import Path
from urllib.parse import quote


def die_once(graves: Path, point: str) -> None:
    """Kill this process, as kill -9 does, unless one died here before."""
    grave = graves / quote(point, safe="")
    if not grave.exists():
        grave.touch()
        os.kill(os.getpid(), signal.SIGKILL)
