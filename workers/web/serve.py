"""The process of the page: a child of ``headcount review``, on one address, until the pipe ends."""

from __future__ import annotations

import os
import socket
import sys
import threading
from dataclasses import dataclass, replace
from typing import IO

import uvicorn

from headcount.archive.selection import select_pack, select_parts
from headcount.collections.opening import open_collection
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import JobSpec
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.storage.base import Reader
from workers.web.app import make_app
from workers.web.checking import Asked
from workers.web.crops import Pictures
from workers.web.index import ArchiveIndex
from workers.web.recorder import Recorder
from workers.web.security import Access
from workers.web.session import Opened, Session

LOOPBACK = "127.0.0.1"
IDLE_SECONDS = 75


@dataclass(frozen=True)
class Place:
    """Where the page listens; ``names`` are further hosts that it is reached under."""

    host: str = LOOPBACK
    port: int = 0
    names: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None

    def listen(self) -> socket.socket:
        """A socket that listens there. Raises FatalError where that cannot be."""
        try:
            found = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((self.host, self.port))
            found.listen(128)
        except OSError as error:
            raise FatalError(
                f"cannot listen on {self.host} port {self.port}: {error.strerror or error}"
            ) from error
        return found

    def access(self, port: int) -> Access:
        """Who may use the page on this port."""
        names = [f"[{self.host}]" if ":" in self.host else self.host, *self.names]
        if self.host == LOOPBACK:
            names.append("localhost")
        hosts = {f"{name.lower()}:{port}" for name in names}
        if port == (443 if self.certificate else 80):
            hosts |= {name.lower() for name in names}
        return Access(frozenset(hosts), secure=self.certificate is not None)

    def address(self, port: int, access: Access) -> str:
        """The address that lets one in."""
        scheme = "https" if self.certificate else "http"
        name = self.names[0] if self.names else self.host
        name = f"[{name}]" if ":" in name else name
        return f"{scheme}://{name}:{port}/?token={access.token}"


def serve(
    archive: str, photos: str | None, by: str, place: Place, asked: Asked | None = None
) -> None:
    """Serve the page of an archive until standard input ends. Raises FatalError."""
    to, source = _pipe()
    s3 = S3Settings()
    store = open_store(archive, s3)
    record = select_pack(store, None)
    parts = select_parts(store, record.pack_id, photos, None)
    if len(parts) > 1:
        told = "".join(f"\n  {part.uri}" for part in parts[:20])
        raise FatalError(f"the archive has several collections: say which one{told}")
    listening = place.listen()
    port = int(listening.getsockname()[1])
    recorder, access = Recorder(to), place.access(port)
    access = replace(access, start="/check" if asked else access.start)
    spec = find_record(store, JobKeys(parts[0].job_id).spec, JobSpec)
    archives = bool(spec and spec.archives)

    def open_source(uri: str) -> Reader:
        return open_collection(uri, s3, indexes=store, archives=archives and uri == parts[0].uri)

    settings = Settings()
    pictures = Pictures(open_source, settings.max_bytes, settings.max_pixels)
    opened = Opened(lambda: Session(ArchiveIndex(store, s3, parts[0], record), recorder, by))
    app = make_app(opened, pictures, access, asked)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # the address of the first request has the token
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
            ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
        )
    )

    def listen() -> None:
        recorder.listen(source)
        server.should_exit = True

    threading.Thread(target=listen, name="pipe", daemon=True).start()
    recorder.tell({"ready": place.address(port, access)})
    server.run(sockets=[listening])
    os._exit(0)  # threads that load or decode need not end first


def _pipe() -> tuple[IO[str], IO[str]]:
    """The two ends of the pipe to the parent; what a library prints goes to standard error."""
    to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return to, sys.stdin
