"""Connections of our own to the broker, and what its errors mean in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from headcount.broker.address import Address
from headcount.errors import FatalError, HeadcountError, TransientError

TIMEOUT_SECONDS = 10.0
"""A broker that is silent for so long counts as away."""
CONNECT_SECONDS = 5.0


def connect(address: Address) -> redis.Redis:
    """A client of the broker; behind Sentinels it follows the master. It contacts nobody yet.

    A broker that does not answer is not asked again: whoever asks says so, and tries later. Of
    itself redis-py asks ten times, and only where it is not given a URL.
    """
    common: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "db": address.database,
        "socket_timeout": TIMEOUT_SECONDS,
        "decode_responses": True,
        "encoding_errors": "surrogateescape",  # anybody's bytes may lie there
        "retry": _never(),
    }
    if address.path:
        return redis.Redis(unix_socket_path=address.path, **common)
    common |= {"socket_connect_timeout": CONNECT_SECONDS, **address.tls_kwargs}
    if address.master:
        client: redis.Redis = _sentinel(address, common).master_for(address.master)
        return client
    [(host, port)] = address.nodes
    return redis.Redis(host=host, port=port, **common)


def _sentinel(address: Address, common: Mapping[str, Any]) -> Sentinel:
    limits = {"socket_timeout": CONNECT_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
    kwargs = {**limits, **address.sentinel_kwargs, "retry": _never()}  # they are asked in turn
    return Sentinel(list(address.nodes), sentinel_kwargs=kwargs, **common)


def _never() -> Retry:
    return Retry(NoBackoff(), 0)


def translate(address: Address, error: Exception) -> HeadcountError:
    """The error of headcount for one of redis-py or kombu: fatal where waiting mends nothing."""
    told = str(error)
    if isinstance(error, redis.exceptions.NoPermissionError):
        return FatalError(
            f"the broker {address.shown} refuses this user's command ({told}): docs/security.md "
            "lists the rights of worker, supervisor, beat and reader"
        )
    if isinstance(error, redis.AuthenticationError) or "NOAUTH" in told or "WRONGPASS" in told:
        return FatalError(
            f"the broker {address.shown} refuses the password: check the URL in "
            "HEADCOUNT_BROKER_URL"
        )
    if address.tls is not None and (fault := _tls_fault(address, told)):
        return FatalError(f"the broker {address.shown} cannot be trusted: {fault}")
    if isinstance(error, redis.sentinel.MasterNotFoundError):
        return TransientError(f"broker {address.shown}: no master named {address.master} is found")
    return TransientError(f"broker {address.shown}: {told}")


def _tls_fault(address: Address, told: str) -> str | None:
    authority = (address.tls or {}).get("ssl_ca_certs")
    lacking = [
        str(path)
        for name, path in (address.tls or {}).items()
        if name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile") and not Path(str(path)).exists()
    ]
    if lacking:
        return f"there is no file {lacking[0]}, which HEADCOUNT_BROKER_URL or SSL_CERT_FILE names"
    if "mismatch" in told:
        return "its certificate is for another host: use the name that stands in it"
    if "expired" in told:
        return "its certificate has expired"
    if "CERTIFICATE_VERIFY_FAILED" in told:
        held = f"those in {authority}" if authority else "the system's"
        return (
            f"its certificate is signed by an authority that is not among {held}: name its file "
            "in ssl_ca_certs of the URL, or in SSL_CERT_FILE"
        )
    if "certificate required" in told:
        return "it asks for a certificate of ours: give ssl_certfile and ssl_keyfile in the URL"
    return None


def why_away(address: Address, error: Exception) -> str:
    """A guess in words at the cause of a broker that does not answer; empty without one."""
    told = str(error)
    if address.master:
        return _why_no_master(address)
    if address.tls is None and "reset by peer" in told:
        return "it closed the connection: if it speaks TLS, the URL begins with rediss://"
    if address.tls is not None and ("Timeout" in told or "WRONG_VERSION" in told or "EOF" in told):
        return "it does not answer to TLS: if it speaks none, the URL begins with redis://"
    return ""


def _why_no_master(address: Address) -> str:
    """The first reason that a Sentinel gives, asked one by one."""
    sentinels = _sentinel(address, {}).sentinels
    faults = []
    for node, sentinel in zip(address.nodes, sentinels, strict=True):
        shown = f"{node[0]}:{node[1]}"
        try:
            known = sentinel.sentinel_masters()
        except redis.AuthenticationError:
            return f"the sentinel {shown} refuses the password: sentinel_password in the URL"
        except redis.RedisError as fault:
            if (wrong := _tls_fault(address, str(fault))) is not None:
                return f"the sentinel {shown} cannot be trusted: {wrong}"
            if "NOAUTH" in str(fault):
                return f"the sentinel {shown} asks for a password: sentinel_password in the URL"
            faults.append(f"the sentinel {shown} does not answer")
            continue
        if address.master not in known:
            names = ", ".join(sorted(known)) or "none"
            return f"the sentinel {shown} knows no master {address.master}: it knows {names}"
        faults.append(f"the sentinel {shown} has no master {address.master} that is up")
    return "; ".join(dict.fromkeys(faults))
