"""Connections, credentials and clients: minio's own client, over a pool of ours.

minio sends every request through the ``http_client`` that it is given. ``Pool`` is that client; two
kinds of it do what minio's methods have no argument for: ``CreateOnly`` adds a condition to a
write, ``PageCount`` tells where a page of a listing ends.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.credentials.providers import (
    AWSConfigProvider,
    ChainedProvider,
    IamAwsProvider,
    Provider,
    StaticProvider,
)
from minio.error import ServerError
from minio.sse import Sse, SseKMS, SseS3
from urllib3 import BaseHTTPResponse, HTTPHeaderDict
from urllib3.exceptions import HTTPError

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
RETRIES = 2
SHOWN_BYTES = 200
"""Bytes shown of an answer that is not in S3's XML: enough to tell a proxy's page."""


class Pool(urllib3.PoolManager):
    """Connections enough for ``concurrency`` threads; more threads wait for their turn."""

    def __init__(self, concurrency: int) -> None:
        super().__init__(
            num_pools=4,
            maxsize=concurrency,
            block=True,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
            retries=urllib3.Retry(
                total=RETRIES,
                redirect=False,
                backoff_factor=0.2,
                status_forcelist=(500, 502, 503, 504),
                raise_on_status=False,  # the last answer says more than "too many 503"
                respect_retry_after_header=False,  # may ask for an hour
            ),
        )

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> BaseHTTPResponse:
        """The answer to a request. Raises ServerError for an error that is not in S3's XML.

        Such an answer is a proxy's, or that of no S3 server at all. minio's own error for it has no
        status that one may read.
        """
        response = super().urlopen(method, url, redirect=redirect, **options)
        if response.status >= 300 and method != "HEAD" and not _is_xml(response):
            kind, start = response.headers.get("Content-Type", "none"), response.data[:SHOWN_BYTES]
            response.release_conn()
            said = f"HTTP status {response.status}, content type {kind}: {start!r}"
            raise ServerError(said, response.status)
        return response


def _is_xml(response: BaseHTTPResponse) -> bool:
    kind = response.headers.get("Content-Type", "").split(";")[0].strip()
    return kind == "application/xml" and response.headers.get("Content-Length") != "0"


class _Shared(urllib3.PoolManager):
    """Another way through the connections of a pool."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(num_pools=1)
        self._pool = pool


class CreateOnly(_Shared):
    """Sends each write with ``If-None-Match: *``, once, without retries.

    minio's ``put_object`` takes no conditions. The header is not signed, which S3 asks only for
    ``x-amz-`` headers.
    """

    def urlopen(  # type: ignore[override]
        self,
        method: str,
        url: str,
        redirect: bool = False,
        **options: Any,
    ) -> BaseHTTPResponse:
        """The answer: status 412 where the object exists."""
        headers = HTTPHeaderDict(options.pop("headers"))
        headers["If-None-Match"] = "*"
        options |= {"headers": headers, "retries": False}
        response = self._pool.urlopen(method, url, redirect=redirect, **options)
        if response.status == 412:  # whatever its body says
            response.drain_conn()
            response.release_conn()
            raise ServerError("the object exists", 412)
        return response


class PageCount(_Shared):
    """Counts the answers of one listing, each a page, and keeps the name of the server.

    minio's ``list_objects`` gives objects alone.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.pages = 0
        self.server = ""

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> BaseHTTPResponse:
        """The answer of the shared pool."""
        response = self._pool.urlopen(method, url, redirect=redirect, **options)
        self.pages += 1
        self.server = response.headers.get("Server", "")
        return response


def find_credentials(settings: S3Settings) -> Provider | None:
    """Keys from the settings, else from AWS' profile file or role, else None: anonymous."""
    if settings.anonymous:
        return None
    key, secret, token = settings.access_key_id, settings.secret_access_key, settings.session_token
    if key and secret:
        return StaticProvider(
            key.get_secret_value(),
            secret.get_secret_value(),
            token.get_secret_value() if token else None,
        )
    if key or secret:
        raise FatalError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: set both")
    providers: list[Provider] = [AWSConfigProvider()]
    if _may_have_role(settings):
        quick = urllib3.PoolManager(timeout=2.0, retries=urllib3.Retry(total=1))
        providers.append(IamAwsProvider(http_client=quick, region=settings.region))
    chain = ChainedProvider(providers)
    try:
        chain.retrieve()
    except (ValueError, HTTPError, OSError):
        return None
    return chain


def _may_have_role(settings: S3Settings) -> bool:
    if os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return True
    if any(name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in os.environ):
        return True
    disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    return settings.endpoint_url is None and not disabled


def encryption_of(settings: S3Settings) -> Sse | None:
    """The encryption that writes ask S3 for; None leaves it to the bucket."""
    if settings.sse == "aws:kms":
        return SseKMS(settings.sse_kms_key or "", {})
    return SseS3() if settings.sse else None


def payer_of(settings: S3Settings) -> dict[str, str]:
    """The header by which the reader says to pay; empty where nothing is said."""
    return {"x-amz-request-payer": "requester"} if settings.requester_pays else {}


def make_client(
    settings: S3Settings, credentials: Provider | None, pool: urllib3.PoolManager
) -> Minio:
    """A client for the endpoint. A bucket's name stands where ``addressing`` says."""
    endpoint = urlsplit(settings.endpoint)
    client = Minio(
        endpoint.netloc,
        secure=endpoint.scheme == "https",
        region=settings.region,
        credentials=credentials,
        http_client=pool,
    )
    if settings.addressing == "virtual":
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    elif settings.endpoint_url or settings.addressing == "path":
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client
