"""S3Store: objects below a prefix of a bucket, on AWS or any S3 server. minio's one door.

Two things that S3 servers do not agree on are made good here. Some (SeaweedFS) list ``a/b``
before ``a-b``, since they walk folders: unless the server is known to list in the order of S3,
headcount walks folder by folder and puts each page in order. And a bucket can hold keys that no
HTTP client can ask for (``a/../b``): these are listed, and reading them is an ObjectError.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import SplitResult, urlsplit
from xml.etree.ElementTree import ParseError

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
from minio.datatypes import parse_list_objects
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from minio.signer import sign_v4_s3
from minio.sse import Sse, SseKMS, SseS3
from minio.time import to_amz_date
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError, SSLError

from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectChanged,
    ObjectDenied,
    ObjectError,
    ObjectMissing,
    ObjectTooLarge,
    TransientError,
)
from headcount.s3_settings import S3Settings
from headcount.storage.base import Blob, ObjectInfo
from headcount.storage.keys import require_key

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
RETRIES = 2
BROKEN_PAUSES = (0.0, 0.4)
"""Before each further try of an answer that broke off."""
CONFLICT_PAUSES = (0.1, 0.3, 1.0, 0.0)
PART_BYTES = 16 << 20
"""Larger objects are sent in parts of so many bytes, three at a time."""

LISTS_IN_ORDER = ("AmazonS3", "MinIO")
"""How the servers call themselves (the header ``Server``) that list in UTF-8 byte order."""


class Fault(Enum):
    """What an error of S3, or of the way there, means."""

    MISSING = auto()
    DENIED = auto()
    RANGE = auto()
    EXISTS = auto()
    NO_BUCKET = auto()
    CREDENTIALS = auto()
    REGION = auto()
    CLOCK = auto()
    FULL = auto()
    TLS = auto()
    TRANSIENT = auto()
    OTHER = auto()


FAULTS = {
    "NoSuchKey": Fault.MISSING,
    "NoSuchVersion": Fault.MISSING,
    "ResourceNotFound": Fault.MISSING,
    "AccessDenied": Fault.DENIED,
    "AllAccessDisabled": Fault.DENIED,
    "InvalidObjectState": Fault.DENIED,  # archived to Glacier: there, and not readable
    "InvalidRange": Fault.RANGE,
    "PreconditionFailed": Fault.EXISTS,
    "NoSuchBucket": Fault.NO_BUCKET,
    "InvalidBucketName": Fault.NO_BUCKET,
    "InvalidAccessKeyId": Fault.CREDENTIALS,
    "SignatureDoesNotMatch": Fault.CREDENTIALS,
    "InvalidToken": Fault.CREDENTIALS,
    "ExpiredToken": Fault.CREDENTIALS,
    "TokenRefreshRequired": Fault.CREDENTIALS,
    "InvalidSecurity": Fault.CREDENTIALS,
    "PermanentRedirect": Fault.REGION,
    "AuthorizationHeaderMalformed": Fault.REGION,
    "IllegalLocationConstraintException": Fault.REGION,
    "RequestTimeTooSkewed": Fault.CLOCK,
    "QuotaExceeded": Fault.FULL,
    "XMinioStorageFull": Fault.FULL,
    "InsufficientStorage": Fault.FULL,
    "SlowDown": Fault.TRANSIENT,
    "SlowDownRead": Fault.TRANSIENT,
    "SlowDownWrite": Fault.TRANSIENT,
    "RequestLimitExceeded": Fault.TRANSIENT,
    "Throttling": Fault.TRANSIENT,
    "InternalError": Fault.TRANSIENT,
    "ServiceUnavailable": Fault.TRANSIENT,
    "OperationAborted": Fault.TRANSIENT,
    "ConditionalRequestConflict": Fault.TRANSIENT,
    "RequestTimeout": Fault.TRANSIENT,
    "IncompleteBody": Fault.TRANSIENT,
    "BadDigest": Fault.TRANSIENT,
    "XAmzContentSHA256Mismatch": Fault.TRANSIENT,
    "NoSuchUpload": Fault.TRANSIENT,
    "TemporaryRedirect": Fault.TRANSIENT,
    "Redirect": Fault.TRANSIENT,
}
"""S3's error codes; a code that is not here is judged by its HTTP status."""

STATUSES = {
    403: Fault.DENIED,
    404: Fault.MISSING,
    408: Fault.TRANSIENT,
    412: Fault.EXISTS,
    416: Fault.RANGE,
    429: Fault.TRANSIENT,
    507: Fault.FULL,
}

ADVICE = {
    Fault.NO_BUCKET: "there is no bucket {bucket} at {endpoint}: check the URI and "
    "AWS_ENDPOINT_URL_S3, or make the bucket",
    Fault.CREDENTIALS: "{endpoint} does not accept the credentials: check AWS_ACCESS_KEY_ID, "
    "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    Fault.DENIED: "access to {uri} is denied at {endpoint}: these credentials need the right to "
    "{verb} there; check AWS_ACCESS_KEY_ID and the bucket's policy",
    Fault.REGION: "the bucket {bucket} is in another region: set AWS_REGION",
    Fault.CLOCK: "this machine's clock differs from that of {endpoint}: set the clock",
    Fault.FULL: "disk full: {endpoint} has no room for {uri}; free some space there",
    Fault.TLS: "{endpoint} cannot prove who it is: check AWS_ENDPOINT_URL_S3, or name its "
    "certificate authority's file in SSL_CERT_FILE",
    Fault.OTHER: "{endpoint} refuses {uri}",
}
"""What the user reads for those faults that stop a job."""

FOREIGN = (MinioException, HTTPError, ParseError, ValueError)
"""Whatever minio and urllib3 raise; minio's own refusals are ValueErrors."""

CUT_OFF = (ProtocolError, ReadTimeoutError)
"""What urllib3 raises in the midst of a body, which it leaves to the caller to try again."""

Given = ParamSpec("Given")
Read = TypeVar("Read")


def fault_of(error: Exception) -> Fault:
    """Which fault an error of minio or urllib3 is."""
    if isinstance(error, MaxRetryError) and error.reason is not None:
        return fault_of(error.reason)
    if isinstance(error, S3Error):
        return FAULTS.get(error.code or "") or _fault_of_status(error.response.status)
    if isinstance(error, ServerError | InvalidResponseError):
        return _fault_of_status(_status_of(error))
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Fault.TLS
    return Fault.OTHER if isinstance(error, ValueError) else Fault.TRANSIENT


def _status_of(error: ServerError | InvalidResponseError) -> int:
    if isinstance(error, ServerError):
        return error.status_code
    return error._code  # no XML: a proxy's answer, or no S3 server at all


def _fault_of_status(status: int) -> Fault:
    return STATUSES.get(status, Fault.TRANSIENT if status >= 500 else Fault.OTHER)


@dataclass(frozen=True, slots=True)
class Target:
    """What a call was about: for the text of its error, and for whose fault it is."""

    uri: str
    bucket: str
    endpoint: str
    verb: str = "read"

    def translate(self, error: Exception) -> HeadcountError:
        """The error of headcount for one of minio's or urllib3's."""
        fault = fault_of(error)
        if self.verb == "read" and fault is Fault.MISSING:
            return ObjectMissing(self.uri)
        if self.verb == "read" and fault is Fault.DENIED:
            return ObjectDenied(self.uri)
        if self.verb == "read" and fault is Fault.OTHER and isinstance(error, S3Error):
            return ObjectError(self.uri, _detail(error))  # e.g. encrypted with another's key
        if fault in ADVICE:
            advice = ADVICE[fault].format(
                uri=self.uri, bucket=self.bucket, endpoint=self.endpoint, verb=self.verb
            )
            return FatalError(f"{advice} ({_detail(error)})")
        cut_off = self.verb == "read" and isinstance(error, CUT_OFF)
        kind = _CutOffError if cut_off else TransientError
        return kind(f"cannot {self.verb} {self.uri}: {_detail(error)}")


def _detail(error: Exception) -> str:
    """The error in words, without URLs: a signed URL is a secret."""
    if isinstance(error, S3Error):
        return f"{error.code}: {error.message}"
    if isinstance(error, MaxRetryError):
        return _detail(error.reason) if error.reason else "too many retries"
    return str(error)[:300] or type(error).__name__


def make_pool(concurrency: int) -> urllib3.PoolManager:
    """Connections enough for ``concurrency`` threads; more threads wait for their turn."""
    return urllib3.PoolManager(
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


def find_credentials(settings: S3Settings) -> Provider | None:
    """Keys from the settings, else from AWS' profile file or role, else None: anonymous."""
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


def endpoint_of(settings: S3Settings) -> str:
    """The endpoint's URL: the one that was set, or AWS of the region."""
    if settings.endpoint_url:
        return settings.endpoint_url.rstrip("/")
    suffix = ".cn" if settings.region.startswith("cn-") else ""
    return f"https://s3.{settings.region}.amazonaws.com{suffix}"


def encryption_of(settings: S3Settings) -> Sse | None:
    """How S3 is to encrypt what is written; None leaves it to the bucket."""
    if settings.sse == "aws:kms":
        return SseKMS(settings.sse_kms_key or "", {})
    return SseS3() if settings.sse else None


def make_client(
    settings: S3Settings, pool: urllib3.PoolManager, credentials: Provider | None
) -> Minio:
    """A client for the endpoint: by path where one was set, by host name at AWS."""
    endpoint = urlsplit(endpoint_of(settings))
    if endpoint.scheme not in ("http", "https") or endpoint.path:
        raise FatalError(
            f"AWS_ENDPOINT_URL_S3 is {settings.endpoint_url!r}: expected http://host:port or "
            "https://host:port"
        )
    client = Minio(
        endpoint.netloc,
        secure=endpoint.scheme == "https",
        region=settings.region,
        credentials=credentials,
        http_client=pool,
    )
    if settings.endpoint_url:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing: files, sub-folders (keys that end in ``/``), where to go on."""

    files: list[ObjectInfo]
    folders: list[str]
    token: str | None
    server: str


class _CutOffError(TransientError):
    """An answer that began, and broke off."""


def _whole(read: Callable[Given, Read]) -> Callable[Given, Read]:
    """``read``, tried again where an answer breaks off, as often as urllib3 tries to get one."""

    @wraps(read)
    def again(*args: Given.args, **kwargs: Given.kwargs) -> Read:
        for pause in BROKEN_PAUSES:
            try:
                return read(*args, **kwargs)
            except _CutOffError:
                time.sleep(pause)
        return read(*args, **kwargs)

    return again


class S3Store:
    """Objects below ``s3://bucket/prefix/``.

    Keys that end in ``/`` are the folder markers of S3 consoles, and are no objects here.
    """

    def __init__(
        self, bucket: str, prefix: str, settings: S3Settings, *, concurrency: int = 32
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._uri = f"s3://{bucket}/{prefix}"
        self._endpoint = endpoint_of(settings)
        self._walks = False
        self._pool = make_pool(concurrency)
        with self._translated(self._uri, "use"):
            self._credentials = find_credentials(settings)
            self._client = make_client(settings, self._pool, self._credentials)
        self._region = settings.region
        self._sse = encryption_of(settings)

    @property
    def uri(self) -> str:
        """The canonical URI: ``s3://bucket/prefix/``, not percent-encoded."""
        return self._uri

    def check(self) -> None:
        """Raise FatalError unless the bucket is there, may be listed, and S3 answers."""
        try:
            self._page(self._prefix, delimiter="/")
        except TransientError as error:
            raise FatalError(
                f"S3 does not answer at {self._endpoint}: check AWS_ENDPOINT_URL_S3 and the "
                f"network ({error})"
            ) from error

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object, in order; see Store.list. Raises FatalError if it may not be listed."""
        last = start_after
        for info in self._listing(self._prefix + prefix, start_after):
            key = info.key[len(self._prefix) :]
            if key <= start_after or not info.key.startswith(self._prefix + prefix):
                continue
            if key <= last:
                raise FatalError(
                    f"{self._endpoint} lists {self._uri} out of order ({key!r} after {last!r}), "
                    "which headcount cannot work with; please report this server"
                )
            last = key
            yield ObjectInfo(key, info.etag, info.size)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The names of the folders directly below; see Store.folders. One call per thousand."""
        top = self._prefix + prefix
        found = (entry for entry in self._level(top) if isinstance(entry, str))
        yield from sorted(entry[len(top) : -1] for entry in found)

    def stat(self, key: str) -> ObjectInfo:
        """One object's info. Raises ObjectMissing, ObjectDenied."""
        try:
            with self._reading(key):
                found = self._client.stat_object(self._bucket, self._prefix + key)
        except ObjectDenied:
            self.get_range(key, 0, 1)  # a HEAD says only 403; this one says why
            raise
        return ObjectInfo(key, found.etag or "", found.size or 0)

    @_whole
    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """The whole object. Raises ObjectMissing, ObjectDenied, ObjectTooLarge."""
        with self._reading(key), self._body(key) as response:
            told = response.headers.get("Content-Length")
            if limit is not None and told is not None and int(told) > limit:
                raise ObjectTooLarge(self._uri + key, f"{told} bytes, {limit} allowed")
            data = response.read(None if limit is None else limit + 1, decode_content=False)
            etag = response.headers.get("ETag", "").strip('"')
        if limit is not None and len(data) > limit:
            raise ObjectTooLarge(self._uri + key, f"more than {limit} bytes")
        if told is not None and len(data) != int(told):
            raise _CutOffError(f"{self._uri}{key}: cut off after {len(data)} of {told} bytes")
        return Blob(data, etag)

    @_whole
    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``; see Reader.get_range."""
        if length <= 0:
            return b""
        try:
            with self._reading(key), self._body(key, offset, length) as response:
                if etag and etag != response.headers.get("ETag", "").strip('"'):
                    raise ObjectChanged(self._uri + key)
                return response.read(decode_content=False)
        except _BeyondEndError:
            return b""

    def put(self, key: str, data: bytes) -> str:
        """Write an object atomically; returns its etag."""
        with self._writing(key):
            return self._etag(
                key,
                self._client.put_object(
                    self._bucket,
                    self._prefix + key,
                    BytesIO(data),
                    len(data),
                    sse=self._sse,
                    part_size=PART_BYTES,
                ).etag,
            )

    def put_file(self, key: str, path: Path) -> str:
        """Write an object from a local file, atomically; returns its etag."""
        try:
            with self._writing(key):
                written = self._client.fput_object(
                    self._bucket,
                    self._prefix + key,
                    str(path),
                    sse=self._sse,
                    part_size=PART_BYTES,
                )
                return self._etag(key, written.etag)
        except OSError as error:
            raise FatalError(f"cannot read {path}: {error.strerror or error}") from error

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none; False if there was one. Atomic.

        Asked once, without retries: an attempt whose answer was lost may have written the object,
        and its repetition would say False to the one who wrote it. Then: TransientError.
        """
        with self._writing(key):
            for pause in CONFLICT_PAUSES:
                response = self._put_once(key, data)
                if response.status != 409:
                    break
                time.sleep(pause)  # two writers at once: this attempt wrote nothing
            if response.status == 412:
                return False
            if response.status not in (200, 201, 204):
                raise _error_in(response)
        return True

    def _put_once(self, key: str, data: bytes) -> urllib3.BaseHTTPResponse:
        # minio's put_object takes no conditions, and its other doors try again by themselves.
        address = self._client.get_presigned_url("PUT", self._bucket, self._prefix + key)
        url = urlsplit(address)._replace(query="")
        headers = {"If-None-Match": "*", "Content-Type": "application/octet-stream"}
        headers |= self._sse.headers() if self._sse else {}
        return self._pool.urlopen(
            "PUT",
            url.geturl(),
            body=data,
            headers=self._signed(url, headers, data),
            retries=False,
            redirect=False,
        )

    def _signed(self, url: SplitResult, headers: dict[str, str], data: bytes) -> dict[str, str]:
        """A PUT's headers with AWS' signature over all of them; as they are where anonymous."""
        if self._credentials is None:
            return headers
        keys, moment = self._credentials.retrieve(), datetime.now(UTC)
        digest = hashlib.sha256(data).hexdigest()
        headers |= {
            "Host": url.netloc,
            "x-amz-date": to_amz_date(moment),
            "x-amz-content-sha256": digest,
        }
        if keys.session_token:
            headers["X-Amz-Security-Token"] = keys.session_token
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region=self._region,
            headers=dict(headers),
            credentials=keys,
            content_sha256=digest,
            date=moment,
        )
        return {name: str(value) for name, value in signed.items()}

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            with self._writing(key, "delete"):
                self._client.remove_object(self._bucket, self._prefix + key)
        except ObjectMissing:
            return

    def _listing(self, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
        """Full keys, in order, maybe from before ``start_after`` (which is relative)."""
        after = self._prefix + start_after if start_after else ""
        if self._walks:
            yield from self._walk(prefix, after)
            return
        page = self._page(prefix, after=after)
        if not page.server.startswith(LISTS_IN_ORDER):
            self._walks = True
            yield from self._walk(prefix, after)
            return
        yield from page.files
        while page.token:
            page = self._page(prefix, after=after, token=page.token)
            yield from page.files

    def _walk(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        stack = [self._level(prefix)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif isinstance(entry, ObjectInfo):
                yield entry
            elif entry > after or after.startswith(entry):
                stack.append(self._level(entry))

    def _level(self, prefix: str) -> Iterator[ObjectInfo | str]:
        """The files and folders directly below, in order, wherever a server sorts ``a/``."""
        waiting: dict[str, ObjectInfo | str] = {}
        token: str | None = None
        while True:
            page = self._page(prefix, delimiter="/", token=token)
            waiting.update((info.key, info) for info in page.files)
            waiting.update((folder, folder) for folder in page.folders if folder != prefix)
            token = page.token
            # What is still to come is greater than this, whether sorted as "a/" or as "a".
            reached = max((key.removesuffix("/") for key in waiting), default="")
            for key in sorted(waiting):
                if token and key > reached:
                    break
                yield waiting.pop(key)
            if not token:
                return

    def _page(
        self, prefix: str, *, delimiter: str = "", after: str = "", token: str | None = None
    ) -> Page:
        query = {"list-type": "2", "encoding-type": "url", "max-keys": "1000"}
        query |= {"prefix": prefix, "delimiter": delimiter}
        if token:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after
        with self._translated(self._uri, "list"):
            # minio's own listing hides where a page ends and what the server calls itself.
            response = self._client._execute("GET", self._bucket, query_params=dict(query))
            objects, more, token, _ = parse_list_objects(response)
        files = [
            ObjectInfo(o.object_name or "", o.etag or "", o.size or 0)
            for o in objects
            if not o.is_dir
        ]
        folders = [o.object_name or "" for o in objects if o.is_dir and delimiter]
        return Page(files, folders, token if more else None, response.headers.get("Server", ""))

    @contextmanager
    def _body(
        self, key: str, offset: int = 0, length: int = 0
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        response = self._client.get_object(self._bucket, self._prefix + key, offset, length)
        try:
            yield response
        except BaseException:
            response.close()  # there may be unread bytes: no one must get them as their answer
            raise
        finally:
            response.release_conn()

    @contextmanager
    def _translated(self, uri: str, verb: str) -> Iterator[None]:
        try:
            yield
        except FOREIGN as error:
            target = Target(uri, self._bucket, self._endpoint, verb)
            raise target.translate(error) from error

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        uri = self._uri + key
        if not {".", ".."}.isdisjoint((self._prefix + key).split("/")):
            raise ObjectError(uri, "keys with '.' or '..' between slashes cannot be fetched")
        with self._translated(uri, "read"):
            try:
                yield
            except S3Error as error:
                if fault_of(error) is Fault.RANGE:
                    raise _BeyondEndError from error
                raise

    @contextmanager
    def _writing(self, key: str, verb: str = "write") -> Iterator[None]:
        require_key(self._uri, key)
        with self._translated(self._uri + key, verb):
            yield

    def _etag(self, key: str, etag: str | None) -> str:
        if not etag:  # S3 may say 200 and then, in the body, that joining the parts failed
            raise TransientError(f"cannot write {self._uri}{key}: S3 did not confirm it")
        return etag


class _BeyondEndError(Exception):
    """The range asked for begins after the object's end."""


def _error_in(response: urllib3.BaseHTTPResponse) -> MinioException:
    try:
        return S3Error.fromxml(response)
    except ParseError:
        return ServerError(f"HTTP status {response.status}", response.status)
