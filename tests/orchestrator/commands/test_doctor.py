"""Each wrong setting of the broker is one line of `headcount doctor`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from headcount.broker.rights import WORKER
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from orchestrator.commands.doctor import Check, look
from orchestrator.local.servers import embedded_broker
from tests.brokers import Guarded, behind_tls, guarded, make_authority
from tests.servers import Valkey, free_ports

pytestmark = pytest.mark.integration


def checks(url: str, role: str | None = None) -> dict[str, Check]:
    """What doctor says of a broker."""
    settings = Settings(broker_url=SecretStr(url))
    found = {}
    for check in look(settings, S3Settings(), None, role):  # type: ignore[arg-type]
        found[check.name] = check
        if check.name == "broker rights" or (check.name == "broker" and not check.ok):
            break
    return found


def fault(url: str) -> str:
    """The one line about a broker that cannot be used."""
    check = checks(url)["broker"]
    assert not check.ok
    assert "\n" not in check.detail
    for secret in ("gu3ss", "s3cret", ":data@", "guard"):
        assert secret not in check.detail
    return check.detail


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("sentinels") / "servers") as broker:
        yield broker


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey") / "data").running() as server:
        yield server


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    authority = make_authority(tmp_path_factory.mktemp("tls"))
    with (
        embedded_broker() as url,
        behind_tls(url.removeprefix("redis+socket://"), authority) as port,
    ):
        yield port, authority.with_suffix(".crt")


def test_a_broker_behind_sentinels_is_well(sentinels: Guarded) -> None:
    found = checks(sentinels.url)
    assert found["broker"].ok
    assert found["broker rights"].detail.endswith("may act as worker, supervisor, beat, reader")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("master=roll", "master=rolls", "knows no master rolls: it knows roll"),
        ("sentinel_password=guard", "sentinel_password=gu3ss", "sentinel_password"),
        ("&sentinel_password=guard", "", "sentinel_password"),
        (":data@", ":gu3ss@", "refuses the password"),
        (":data@", "", "refuses the password"),
        ("?master=roll&", "?", "?master=NAME"),
    ],
)
def test_a_wrong_setting_of_sentinels(
    sentinels: Guarded, right: str, wrong: str, said: str
) -> None:
    assert said in fault(sentinels.url.replace(right, wrong))


def test_sentinels_that_are_away() -> None:
    first, second = free_ports(2)
    line = fault(f"sentinel://127.0.0.1:{first},127.0.0.1:{second}/0?master=roll")
    assert f"the sentinel 127.0.0.1:{second} does not answer" in line


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "signed by an authority that is not among the system's"),
        ("?ssl_ca_certs=/not/there.crt", "there is no file /not/there.crt"),
        ("?ssl_cert_reqs=maybe", "ssl_cert_reqs is required, optional or none"),
    ],
)
def test_a_wrong_setting_of_tls(
    tls: tuple[int, Path], monkeypatch: pytest.MonkeyPatch, query: str, said: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert said in fault(f"rediss://:s3cret@127.0.0.1:{tls[0]}/0{query}")


def test_another_host_than_that_of_the_certificate(tls: tuple[int, Path]) -> None:
    assert "for another host" in fault(f"rediss://localhost:{tls[0]}/0?ssl_ca_certs={tls[1]}")


def test_plain_speech_at_a_port_of_tls_and_tls_at_a_plain_one(
    tls: tuple[int, Path], valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headcount.broker.connect.CONNECT_SECONDS", 0.5)
    monkeypatch.setattr("headcount.broker.connect.TIMEOUT_SECONDS", 0.5)
    assert "rediss://" in fault(f"redis://127.0.0.1:{tls[0]}/0")
    assert "redis://" in fault(valkey.url.replace("redis:", "rediss:"))


def test_a_user_without_a_right(valkey: Valkey) -> None:
    admin = redis.Redis.from_url(valkey.url)
    admin.execute_command(*WORKER.acl("w", "s3cret").split())
    url = valkey.url.replace("redis://", "redis://w:s3cret@")
    whole = checks(url, "worker")["broker rights"]
    assert whole.ok, whole.detail
    admin.execute_command("ACL", "SETUSER", "w", "-hset")
    for role in ("worker", None):
        check = checks(url, role)["broker rights"]
        assert not check.ok
        assert "hset" in check.detail
