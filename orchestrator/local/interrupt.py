"""Ctrl-C and SIGTERM: both raise KeyboardInterrupt, and are remembered in case it is lost.

Python raises the exception wherever the main thread happens to be. Within a finalizer or a callback
of C code it is only printed, and a run would go on as if there had been no signal.
"""

from __future__ import annotations

import signal
import threading

_asked = threading.Event()


def listen() -> None:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - signal's signature
    _asked.set()
    raise KeyboardInterrupt


def check_interrupt() -> None:
    """Raise KeyboardInterrupt again after a signal; only in the main thread."""
    if _asked.is_set() and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt
