#!/usr/bin/env bash
# A broker that is silent (redis-py): the client is given the host and port and asks eleven times; given the
# same as a URL, or as a pool, it asks once, by the version
#
# One would guess: `Redis(host=..., port=...)`, `Redis.from_url("redis://...")` and a client over a
# ConnectionPool of the same host and port are three ways to write one client. `socket_timeout` bounds a
# command: with 0.2 s a server that takes the connection and says nothing is a TimeoutError after 0.2 s.
# Seen: redis-py 7.1.0 does so: one connection each. With 8.1.0 the client that was given host and port
# connects eleven times, with growing pauses, before it raises; by URL and by pool it still connects once.
# So a move from a URL to its parts (for Sentinel, for a CA of one's own) makes a timeout of 10 s one of
# two minutes, and nothing is said meanwhile. `retry=Retry(NoBackoff(), 0)` makes the three alike.
# Why it matters for photo archives: supervisor and workers of a job of many hours say "the broker is
# away" by that timeout. Whoever looks after the night sees two minutes of nothing, and a heartbeat that
# is waited for is missing at everybody at once.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cat > "$work/ask.py" <<'PYTHON'
import socket
import threading

import redis


class Silent(threading.Thread):
    """A server that takes every connection, counts it, and never answers."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket, self.connections, self.kept = socket.create_server(("127.0.0.1", 0)), 0, []
        self.start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            self.connections += 1
            self.kept.append(connection)


def asked(client_of):
    """How often a client connects for one command."""
    server = Silent()
    try:
        client_of(server.socket.getsockname()[1]).ping()
    except redis.exceptions.TimeoutError:
        return server.connections
    return "no TimeoutError"


where, limit = {"host": "127.0.0.1"}, {"socket_timeout": 0.2}
ways = (
    lambda port: redis.Redis(port=port, **where, **limit),
    lambda port: redis.Redis.from_url(f"redis://127.0.0.1:{port}", **limit),
    lambda port: redis.Redis(connection_pool=redis.ConnectionPool(port=port, **where, **limit)),
)
print(f"{redis.__version__}|{'|'.join(str(asked(way)) for way in ways)}")
PYTHON

echo "version|host and port|URL|pool"
for version in 7.1.0 8.1.0; do
  "$python" -m venv "$work/$version"
  "$work/$version/bin/pip" install -q --disable-pip-version-check --no-cache-dir "redis==$version"
  "$work/$version/bin/python" "$work/ask.py"
done | tee "$work/seen"

cat > "$work/as_seen" <<'SEEN'
7.1.0|1|1|1
8.1.0|11|1|1
SEEN
if diff "$work/as_seen" "$work/seen"; then
  echo "as seen"
else
  echo "this has changed"
  exit 1
fi
