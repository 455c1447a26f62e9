"""The broker's URL, and what becomes of it for each library."""

import pytest

from headcount.broker.address import parse_address
from headcount.broker.app import make_app
from headcount.errors import FatalError


@pytest.mark.parametrize(
    ("url", "shown", "for_kombu"),
    [
        ("redis://host", "redis://host:6379/0", "redis://host:6379/0"),
        ("redis://host:7/3\n", "redis://host:7/3", "redis://host:7/3"),
        ("valkey://:p%40ss@host/1", "redis://:**@host:6379/1", "redis://:p%40ss@host:6379/1"),
        ("redis://:a/b@c@host/0", "redis://:**@host:6379/0", "redis://:a%2Fb%40c@host:6379/0"),
        ("rediss://u:p@[::1]:6/0", "rediss://u:**@[::1]:6/0", "redis://u:p@[::1]:6/0"),
        ("redis+socket:///tmp/a.sock", "redis+socket:///tmp/a.sock", "redis+socket:///tmp/a.sock"),
        ("unix:///a.sock?db=2", "redis+socket:///a.sock", "redis+socket:///a.sock?virtual_host=2"),
        (
            "sentinel://u:p@a,b:7/2?master=roll&sentinel_password=q",
            "sentinel://u:**@a:26379,b:7/2?master=roll",
            "sentinel://u:p@a:26379/2;sentinel://u:p@b:7/2",
        ),
    ],
)
def test_a_url_is_read_once_and_shown_without_its_password(
    url: str, shown: str, for_kombu: str
) -> None:
    address = parse_address(url)
    assert address.shown == shown
    assert address.url() == for_kombu
    assert "p@" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gu3ss",
        "gu3ss@host:6379",
        "http://:gu3ss@host/0",
        "amqp://:gu3ss@host//",
        "redis://",
        "redis:///0",
        "redis://:gu3ss@host:port/0",
        "redis://:gu3ss@host:99999/0",
        "redis://:gu3ss@host:0/0",
        "redis://:gu3ss@host/zero",
        "redis://:gu#3ss@host:6379/0",
        "redis://:gu?3ss@host:6379/0",
        "redis://:gu3ss@[::1/0",
        "redis://:gu3ss@a,b/0",
        "redis://:gu3ss@host/0?ssl_cert_reqs=required",
        "redis://:gu3ss@host/0?nonsense=gu3ss",
        "rediss://:gu3ss@host/0?ssl_cert_reqs=maybe",
        "rediss://:gu3ss@host/0?ssl_ca_cert=/a",
        "rediss://:gu3ss@host/0?ssl_ca_certs=/a&ssl_ca_certs=/b",
        "rediss://:gu3ss@host/0?ssl_check_hostname=perhaps",
        "redis+socket://:gu3ss@path",
        "sentinel://:gu3ss@a,b/0",
        "sentinel://:gu3ss@a/0;sentinel://:gu3ss@b/0?master=m",
        "redis://:gu3ss@a/0?master=m",
    ],
)
def test_a_malformed_url_is_one_line_without_its_password(url: str) -> None:
    with pytest.raises(FatalError) as raised:
        parse_address(url)
    line = str(raised.value)
    assert line.startswith("HEADCOUNT_BROKER_URL cannot be used: ")
    assert "\n" not in line
    for secret in ("gu3ss", "3ss@"):
        assert secret not in line


def test_an_authority_in_the_url_is_not_joined_by_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/environment.pem")
    own = parse_address("rediss://host/0?ssl_ca_certs=/own.pem&ssl_cert_reqs=CERT_REQUIRED")
    assert own.tls is not None
    assert (own.tls["ssl_ca_certs"], own.tls["ssl_cert_reqs"]) == ("/own.pem", "required")
    other = parse_address("rediss://host/0")
    assert other.tls is not None
    assert other.tls["ssl_ca_certs"] == "/environment.pem"


@pytest.mark.parametrize(
    ("query", "required", "checked"),
    [
        ("", "required", True),
        ("?ssl_cert_reqs=None", "none", False),
        ("?ssl_cert_reqs=CERT_NONE", "none", False),
        ("?ssl_check_hostname=false", "required", False),
    ],
)
def test_a_certificate_is_required_of_both_libraries_unless_the_url_says_otherwise(
    query: str, required: str, checked: bool
) -> None:
    address = parse_address(f"rediss://host/0{query}")
    assert address.tls is not None
    assert address.tls["ssl_cert_reqs"] == required
    assert address.tls["ssl_check_hostname"] is checked
    assert make_app(f"rediss://host/0{query}").conf.broker_use_ssl == dict(address.tls)


def test_kombu_is_told_of_sentinels_in_its_own_words() -> None:
    app = make_app("sentinels://u:p@a,b/2?master=roll&sentinel_username=s&sentinel_password=q")
    options = app.conf.broker_transport_options
    assert options["master_name"] == "roll"
    told = options["sentinel_kwargs"]
    assert (told["username"], told["password"], told["ssl"]) == ("s", "q", True)
