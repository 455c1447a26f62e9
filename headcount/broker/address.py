"""Address of the broker: HEADCOUNT_BROKER_URL, parsed once, and said anew to each library.

kombu, redis-py and redbeat read one URL in three ways: an option given twice, a certificate's
requirement, a Sentinel. None of them gets the URL that a person wrote.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from headcount.errors import FatalError

TLS_OPTIONS = (
    *("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"),
)
SENTINEL_OPTIONS = ("master", "sentinel_username", "sentinel_password")
PORTS = {"redis": 6379, "rediss": 6379, "sentinel": 26379, "sentinels": 26379}
SPELLINGS = {"valkey": "redis", "valkeys": "rediss", "unix": "redis+socket"}
"""Other names of the same schemes."""
REQUIREMENTS = {"cert_required": "required", "cert_optional": "optional", "cert_none": "none"}
"""kombu's words, and redis-py's."""
FORMS = (
    "expected redis://USER:PASSWORD@host:6379/0, rediss:// for TLS, redis+socket:///path, or "
    "sentinel://USER:PASSWORD@host1:26379,host2:26379,host3:26379/0?master=NAME; signs such as "
    "? # ; % in a password are percent-encoded"
)


class _FaultError(Exception):
    """The fault of a URL in words, without any of its text: that may be a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """A broker: one server, a socket, or the Sentinels that know the server."""

    scheme: str
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: Mapping[str, object] | None = None
    """The options of redis-py for TLS; None without TLS."""
    master: str = ""
    """The name by which Sentinels know the server."""
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shown(self) -> str:
        """The address for people, without a password."""
        user = f"{self.username or ''}:**@" if self.password else ""
        if self.path:
            return f"{self.scheme}://{user}{self.path}"
        nodes = ",".join(_node(*node) for node in self.nodes)
        name = f"?master={self.master}" if self.master else ""
        return f"{self.scheme}://{user}{nodes}/{self.database}{name}"

    @property
    def sentinel_kwargs(self) -> dict[str, object]:
        """The options of redis-py for the Sentinels themselves."""
        return {**self.sentinel_login, **self.tls_kwargs}

    @property
    def tls_kwargs(self) -> dict[str, object]:
        """The options of redis-py for TLS; none without it."""
        return {} if self.tls is None else {"ssl": True, **self.tls}

    def url(self, scheme: str = "redis") -> str:
        """The URL of one server or socket, without options of TLS; for Sentinels kombu's list."""
        login = self._login()
        if self.path:
            database = f"?virtual_host={self.database}" if self.database else ""
            return f"redis+socket://{login}{self.path}{database}"
        scheme = "sentinel" if self.master else scheme
        urls = (f"{scheme}://{login}{_node(*node)}/{self.database}" for node in self.nodes)
        return ";".join(urls)  # each is read by itself: all have the same login and database

    def socket_url(self) -> str:
        """The URL of a socket as redis-py says it."""
        return f"unix://{self._login()}{self.path}?db={self.database}"

    def _login(self) -> str:
        if not (self.username or self.password):
            return ""
        return f"{quote(self.username or '', safe='')}:{quote(self.password or '', safe='')}@"


def parse_address(url: str) -> Address:
    """Parse a broker's URL. Raises FatalError in one line, without any text of the URL."""
    try:
        return _parsed(url.strip())
    except _FaultError as fault:
        raise FatalError(f"HEADCOUNT_BROKER_URL cannot be used: {fault}; {FORMS}") from None


def _parsed(url: str) -> Address:
    found = re.match(r"([A-Za-z][A-Za-z+]*)://", url)
    if found is None:
        raise _FaultError("it has no scheme")
    scheme = SPELLINGS.get(found[1].lower(), found[1].lower())
    if scheme not in (*PORTS, "redis+socket"):
        raise _FaultError(f"{scheme}:// is no scheme of a broker that headcount knows")
    rest = url[found.end() :]
    if "#" in rest or ";" in rest:
        raise _FaultError("it holds a # or ;")
    before, _, query = rest.partition("?")
    login, _, place = before.rpartition("@")
    username, _, password = login.partition(":")
    hosts, _, database = place.partition("/")
    options = _options(query)
    name, secret = unquote(username) or None, unquote(password) or None
    if scheme == "redis+socket":
        return _socket(place, options, name, secret)
    address = Address(
        scheme,
        tuple(_host(text, PORTS[scheme]) for text in hosts.split(",")),
        username=name,
        password=secret,
        database=_number(database or options.pop("db", "0")),
        tls=_tls(options) if scheme in ("rediss", "sentinels") else None,
        master=options.pop("master", ""),
        sentinel_login={
            name.removeprefix("sentinel_"): options.pop(name)
            for name in SENTINEL_OPTIONS[1:]
            if name in options
        },
    )
    _require_sense(address, options)
    return address


def _options(query: str) -> dict[str, str]:
    """The options of a URL by name. One that is given twice must say the same."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if options.setdefault(name, value) != value:
            known = name in (*TLS_OPTIONS, *SENTINEL_OPTIONS, "db", "virtual_host")
            raise _FaultError(f"its option {name if known else '?'} is given twice")
    return options


def _socket(
    path: str, options: dict[str, str], username: str | None, password: str | None
) -> Address:
    database = _number(options.pop("virtual_host", options.pop("db", "0")).lstrip("/") or "0")
    if not path.startswith("/") or path == "/":
        raise _FaultError("a socket needs an absolute path")
    address = Address("redis+socket", (), path, username, password, database)
    _require_sense(address, options)
    return address


def _host(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, number = parts.hostname, parts.port
    except ValueError:
        raise _FaultError("its host or port cannot be read") from None
    if not host or number == 0 or parts.path:
        raise _FaultError("it names no host")
    return host, number or port


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text):
        raise _FaultError("its database, after the host, is no number")
    return int(text)


def _tls(options: dict[str, str]) -> dict[str, object]:
    """The options of TLS, taken out of ``options``; the authority is SSL_CERT_FILE if none is said.

    A certificate is required unless the URL says otherwise: kombu, left alone, asks for none.
    """
    said: dict[str, object] = {name: options.pop(name) for name in TLS_OPTIONS if name in options}
    needed = str(said.get("ssl_cert_reqs", "required")).lower()
    said["ssl_cert_reqs"] = needed = REQUIREMENTS.get(needed, needed)
    if needed not in REQUIREMENTS.values():
        raise _FaultError("ssl_cert_reqs is required, optional or none")
    checked = str(said.pop("ssl_check_hostname", needed == "required")).lower()
    if checked not in ("true", "false", "1", "0"):
        raise _FaultError("ssl_check_hostname is true or false")
    said["ssl_check_hostname"] = checked in ("true", "1") and needed != "none"
    if "ssl_ca_certs" not in said and (authority := os.environ.get("SSL_CERT_FILE")):
        said["ssl_ca_certs"] = authority
    return said


def _require_sense(address: Address, left: Mapping[str, str]) -> None:
    sentinel = address.scheme.startswith("sentinel")
    if any(name.startswith("ssl_") for name in left):
        raise _FaultError("options of TLS need rediss:// or sentinels://, and must be spelt right")
    if left:
        raise _FaultError("it has an option that headcount does not know")
    if sentinel and not address.master:
        raise _FaultError("a Sentinel needs the server's name: ?master=NAME")
    if not sentinel and (address.master or address.sentinel_login):
        raise _FaultError("master and sentinel_password need sentinel://")
    if not sentinel and len(address.nodes) > 1:
        raise _FaultError("several hosts need sentinel://")


def _node(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
