"""An HTTP proxy before a real S3 server that spoils what it is told to: 503, cuts, delays."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = str
"""``unavailable``: 503 at once. ``lost``: it is done, and the answer is lost. ``cut``: half of
the answer's body. ``slow``: half a second late. ``untagged``: without ETags, in headers and
listings. Anything else: as it should be."""


@dataclass(frozen=True)
class Request:
    """What was asked of the store: the path with its query, the headers by names in lower case."""

    method: str
    path: str
    headers: dict[str, str]


UNAVAILABLE = b"<Error><Code>SlowDown</Code><Message>made to fail</Message></Error>"


class FaultyProxy:
    """Forwards to ``upstream``; ``fault`` says what befalls a request, by method and path."""

    def __init__(self, upstream: str, fault: Callable[[str, str], Fault]) -> None:
        self.host = urlsplit(upstream).netloc
        self.fault = fault
        self.suffered: Counter[Fault] = Counter()
        self.asked: list[Request] = []
        proxy = self

        class Handler(_Handler):
            faulty = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[FaultyProxy]:
        """Serves until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: FaultyProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.faulty.asked.append(Request(self.command, self.path, headers))
        fault = self.faulty.fault(self.command, self.path)
        self.faulty.suffered[fault] += 1
        if fault == "unavailable":
            self._answer(503, [], UNAVAILABLE)
            return
        if fault == "slow":
            time.sleep(0.5)
        upstream = http.client.HTTPConnection(self.faulty.host, timeout=30)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        if fault == "lost":
            self.close_connection = True
            return
        headers_back = answer.getheaders()
        if fault == "untagged":
            headers_back = [each for each in headers_back if each[0].lower() != "etag"]
            data = re.sub(rb"<ETag>.*?</ETag>", b"", data) if b"<ListBucket" in data[:200] else data
        self._answer(answer.status, headers_back, data, cut=fault == "cut")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _answer(
        self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False
    ) -> None:
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        length = lengths[0] if self.command == "HEAD" and lengths else str(len(data))
        with suppress(OSError):
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut and data:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
