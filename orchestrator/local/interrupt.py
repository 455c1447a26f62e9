"""Ctrl-C and SIGTERM: both leave as an exception, and are remembered in case that one is lost.

Python raises it wherever the main thread happens to be. Within a finalizer or a callback of C code
it is printed and forgotten, and a run would go on as if nobody had said anything.
"""

from __future__ import annotations

import signal
import threading

_asked = threading.Event()


def listen() -> None:
    """Leave by KeyboardInterrupt when told to, ending what was started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - signal's signature
    _asked.set()
    raise KeyboardInterrupt


def check_interrupt() -> None:
    """Raise KeyboardInterrupt again where it was lost; the main thread asks now and then."""
    if _asked.is_set() and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt
