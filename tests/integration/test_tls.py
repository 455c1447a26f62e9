"""A broker behind TLS and a password: reached with the right authority, refused without."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from headcount.broker.client import Broker
from headcount.contract.messages import UnitMessage
from headcount.errors import FatalError
from tests.running import headcount

pytestmark = pytest.mark.integration


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file; its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path / "broker.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=broker"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(tmp_path / "ca.crt")),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (tmp_path / "ca.crt").read_text())
    return path


@pytest.fixture
def tls_url(broker_url: str, authority: Path) -> Iterator[str]:
    """The test's Valkey, with a password, behind a port that speaks TLS."""
    path = broker_url.removeprefix("redis+socket://")
    redis.Redis(unix_socket_path=path).config_set("requirepass", "s3cret")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(server, context, path), daemon=True).start()
    yield f"rediss://:s3cret@127.0.0.1:{server.getsockname()[1]}/0"
    server.close()


def serve(server: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with suppress(OSError):
        while True:
            raw, _ = server.accept()
            threading.Thread(target=carry, args=(raw, context, path), daemon=True).start()


def carry(raw: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(raw, server_side=True) as outer,
        socket.socket(socket.AF_UNIX) as inner,
    ):
        inner.connect(path)
        threading.Thread(target=pour, args=(inner, outer), daemon=True).start()
        pour(outer, inner)


def pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def test_a_broker_is_reached_over_tls_with_its_authority(
    tls_url: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.with_name("ca.crt")))
    broker = Broker(tls_url)
    broker.check()
    broker.send(UnitMessage(archive="file:///a/", job_id="j1", unit="prepare"))
    assert broker.queue_states()["embed"].waiting == 1


def test_a_broker_of_another_authority_is_not_trusted(
    tls_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(FatalError, match="signed by an authority that is not among"):
        Broker(tls_url).check()


def test_no_password_is_written_where_the_broker_cannot_be_used(
    tls_url: str, authority: Path, tmp_path: Path
) -> None:
    wrong = tls_url.replace("s3cret", "gu3ss")
    ended = headcount(
        *("supervise", "--once", "--archive", str(tmp_path / "archive")),
        HEADCOUNT_BROKER_URL=wrong,
        SSL_CERT_FILE=str(authority.with_name("ca.crt")),
    )
    assert ended.returncode == 1
    assert "password" in ended.stderr
    assert "gu3ss" not in ended.stderr
