"""Who may use the page: one token, one host, one origin; and the headers of every response."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "headcount_review"
MAX_BODY = 8 << 20
"""Bytes of a request, at most: a line on 10,000 faces has 650,000."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Access:
    """The token of a page, and the hosts under which it is reached: ``127.0.0.1:8000``."""

    hosts: frozenset[str]
    secure: bool = False
    """Whether it is reached by TLS."""
    start: str = "/"
    """The page that the address leads to."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie(self) -> str:
        """The name of the cookie; ports of one host share their cookies."""
        port = min(self.hosts).rpartition(":")[2]
        return f"{COOKIE}_{port}"

    @property
    def origins(self) -> frozenset[str]:
        """The origins that the page itself has."""
        scheme = "https" if self.secure else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    def is_token(self, text: str) -> bool:
        """Whether a text is the token."""
        return secrets.compare_digest(text.encode(), self.token.encode())

    def refusal(self, request: Request) -> Response | None:
        """The response to a request that the page itself does not answer; None where it does."""
        if request.headers.get("host", "").lower() not in self.hosts:
            return _refused(421, "this page is not served under that host")
        if request.method not in (*_SAFE, "POST"):
            return _refused(405, "GET and POST alone")
        if request.method == "POST" and not self._is_own(request.headers):
            return _refused(403, "not from another page")
        if (entered := self._entrance(request)) is not None:
            return entered
        if self._is_known(request):
            return None
        return _refused(403, "open the address that `headcount review` printed")

    def _is_own(self, headers: Mapping[str, str]) -> bool:
        """Whether a request comes from the page itself, or from no page at all."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None and site is None:
            return "authorization" in headers
        return (origin is None or origin in self.origins) and site in (None, "same-origin")

    def _is_known(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.is_token(given.strip())
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(request.headers.get("cookie", ""))
        except CookieError:
            return False
        return self.cookie in jar and self.is_token(jar[self.cookie].value)

    def _entrance(self, request: Request) -> Response | None:
        """The response that hands out the cookie to who has the token in the address."""
        given = request.query_params.get("token")
        if request.method != "GET" or request.scope["path"] != "/" or given is None:
            return None
        if not self.is_token(given):
            return None
        answer = RedirectResponse(self.start, 303)
        answer.set_cookie(
            self.cookie,
            self.token,
            httponly=True,
            samesite="strict",
            secure=self.secure,
            path="/",
        )
        return answer


def _refused(status: int, why: str) -> Response:
    return PlainTextResponse(why, status)


class Guard:
    """Lets nobody in without the token, and gives every response its headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no web sockets
        send = _with_headers(send)
        request = Request(scope)
        refused = self._access.refusal(request)
        if refused is None and _is_huge(request):
            refused = _refused(413, "too much at once")
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, _bounded(receive), send)


def _is_huge(request: Request) -> bool:
    said = request.headers.get("content-length", "0")
    return not said.isdecimal() or int(said) > MAX_BODY


class TooMuch(Exception):
    """A request's body is longer than MAX_BODY."""


def _bounded(receive: Receive) -> Receive:
    """Receive no more than MAX_BODY, whatever the length was said to be. Raises TooMuch."""
    got = 0

    async def bounded() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > MAX_BODY:
            raise TooMuch
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _headers(message.get("headers", ()))}
        await send(message)

    return sending


def _headers(given: Any) -> list[tuple[bytes, bytes]]:
    """The headers of a response with ours; nothing is kept anywhere that does not say so."""
    ours = {name.encode(): value.encode() for name, value in HEADERS.items()}
    kept = [(name, value) for name, value in given if name.lower() not in ours]
    if not any(name.lower() == b"cache-control" for name, _ in kept):
        kept.append((b"cache-control", b"no-store"))
    return [*kept, *ours.items()]
