"""A broker behind TLS and a password: reached with the right authority, refused without."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from headcount.broker.client import Broker
from headcount.contract.messages import UnitMessage
from headcount.errors import FatalError
from tests.brokers import behind_tls, make_authority
from tests.running import headcount

pytestmark = pytest.mark.integration


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return make_authority(tmp_path)


@pytest.fixture
def tls_url(broker_url: str, authority: Path) -> Iterator[str]:
    """The test's Valkey, with a password, behind a port that speaks TLS."""
    path = broker_url.removeprefix("redis+socket://")
    redis.Redis(unix_socket_path=path).config_set("requirepass", "s3cret")
    with behind_tls(path, authority) as port:
        yield f"rediss://:s3cret@127.0.0.1:{port}/0"


def test_a_broker_is_reached_over_tls_with_its_authority(
    tls_url: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.with_name("broker.crt")))
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
        SSL_CERT_FILE=str(authority.with_name("broker.crt")),
    )
    assert ended.returncode == 1
    assert "password" in ended.stderr
    assert "gu3ss" not in ended.stderr
