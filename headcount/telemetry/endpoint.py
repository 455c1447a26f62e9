"""The small HTTP endpoint of a worker or supervisor: metrics, liveness, readiness."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from headcount.errors import FatalError, HeadcountError

log = logging.getLogger(__name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """The answer at one path."""

    status: int
    body: bytes
    kind: str = TEXT


Pages = dict[str, Callable[[], Page]]


def said(ok: bool, reason: str) -> Page:
    """A probe's answer: 200 where all is well, else 503 and the reason."""
    return Page(200 if ok else 503, f"{reason}\n".encode())


class Endpoint:
    """Answers GET on ``pages``, from threads of its own, until it is closed."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(pages))
        except (OSError, OverflowError) as error:
            raise FatalError(
                f"cannot listen on {host}:{port} for metrics ({error}): "
                "choose another --metrics-port"
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "headcount"
        sys_version = ""

        def do_GET(self) -> None:
            make = pages.get(self.path.partition("?")[0])
            page = _answer(make) if make else Page(404, b"no such page\n")
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Do nothing: probes are not worth a line."""

    return Handler


def _answer(make: Callable[[], Page]) -> Page:
    try:
        return make()
    except HeadcountError as error:
        return Page(503, f"{error}\n".encode())
    except Exception as error:  # a probe gets an answer, whatever lies in the broker
        log.exception("no page")
        return Page(500, f"{type(error).__name__}: {error}\n".encode())
