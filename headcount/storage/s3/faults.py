"""Errors of minio and urllib3, and the error of headcount for each.

Three tables decide: the error codes of S3, HTTP statuses, and the exception classes of both
libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3 import exceptions as http

from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectDenied,
    ObjectError,
    ObjectMissing,
    TransientError,
    WorkerUnfit,
)


class Fault(Enum):
    """The meaning of an error of S3, or of the way there."""

    MISSING = auto()
    DENIED = auto()
    ARCHIVED = auto()
    RANGE = auto()
    EXISTS = auto()
    NO_BUCKET = auto()
    CREDENTIALS = auto()
    REGION = auto()
    CLOCK = auto()
    FULL = auto()
    TLS = auto()
    UNSUPPORTED = auto()
    TRANSIENT = auto()
    OTHER = auto()


FAULTS = {
    "NoSuchKey": Fault.MISSING,
    "NoSuchVersion": Fault.MISSING,
    "ResourceNotFound": Fault.MISSING,
    "AccessDenied": Fault.DENIED,
    "AllAccessDisabled": Fault.DENIED,
    "InvalidObjectState": Fault.ARCHIVED,
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
    "NotImplemented": Fault.UNSUPPORTED,
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
    401: Fault.CREDENTIALS,
    403: Fault.DENIED,
    404: Fault.MISSING,
    408: Fault.TRANSIENT,
    412: Fault.EXISTS,
    501: Fault.UNSUPPORTED,
    416: Fault.RANGE,
    429: Fault.TRANSIENT,
    507: Fault.FULL,
}

ADVICE = {
    Fault.NO_BUCKET: "there is no bucket {bucket} at {endpoint}: check the URI and "
    "AWS_ENDPOINT_URL_S3, or make the bucket",
    Fault.CREDENTIALS: "{endpoint} does not accept the credentials: check AWS_ACCESS_KEY_ID, "
    "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the bucket's own HEADCOUNT_S3_NAME_...",
    Fault.DENIED: "access to {uri} is denied at {endpoint}: these credentials need the right to "
    "{verb} there; check AWS_ACCESS_KEY_ID and the bucket's policy; where the requester pays, set "
    "HEADCOUNT_S3_REQUESTER_PAYS=1",
    Fault.ARCHIVED: "{uri} is archived at {endpoint} (Glacier): restore it, or delete it",
    Fault.REGION: "the bucket {bucket} is in another region: set AWS_REGION",
    Fault.CLOCK: "this machine's clock differs from that of {endpoint}: set the clock",
    Fault.FULL: "disk full: {endpoint} has no room for {uri}; free some space there",
    Fault.TLS: "{endpoint} cannot prove who it is: check AWS_ENDPOINT_URL_S3, or name its "
    "certificate authority's file in SSL_CERT_FILE",
    Fault.UNSUPPORTED: "{endpoint} has no way to {verb} {uri} as headcount asks it to",
    Fault.OTHER: "{endpoint} refuses {uri}",
}
"""The text for each fault that stops a job."""

OWN_FAULTS = (Fault.CREDENTIALS, Fault.CLOCK, Fault.TLS)
"""Faults of the machine that asks: with other settings the same call succeeds."""
DENIED = (
    "access denied: these credentials may not read it; where the bucket's requester pays, set "
    "HEADCOUNT_S3_REQUESTER_PAYS=1"
)
"""The reason of a photo that may be listed, and not read."""
ARCHIVED = "archived (Glacier or the like): restore it first"
"""The reason of a photo that lies in a storage class from which it cannot be read at once."""

ERRORS: dict[type[Exception], Fault] = {
    InvalidResponseError: Fault.TRANSIENT,  # announced as XML, and empty
    ParseError: Fault.TRANSIENT,
    http.PoolError: Fault.TRANSIENT,
    http.TimeoutError: Fault.TRANSIENT,
    http.ProtocolError: Fault.TRANSIENT,
    http.ProxyError: Fault.TRANSIENT,
    http.SSLError: Fault.TRANSIENT,  # but for a certificate, which `fault_of` sees
    http.DecodeError: Fault.TRANSIENT,
    http.ResponseError: Fault.TRANSIENT,
    http.IncompleteRead: Fault.TRANSIENT,
    http.InvalidChunkLength: Fault.TRANSIENT,
    http.InvalidHeader: Fault.TRANSIENT,
    http.HeaderParsingError: Fault.TRANSIENT,
    http.UnrewindableBodyError: Fault.TRANSIENT,
    http.BodyNotHttplibCompatible: Fault.TRANSIENT,
    http.TimeoutStateError: Fault.OTHER,
    ValueError: Fault.OTHER,  # arguments that minio or urllib3 refuse: a bucket's name, a URL
}
"""Exception classes without a code or a status of their own; a subclass goes by its parent."""

FOREIGN = (MinioException, http.HTTPError, ParseError, ValueError)
"""Every class that minio and urllib3 raise."""

CUT_OFF = (http.ProtocolError, http.ReadTimeoutError)
"""The classes that urllib3 raises amid a body; it does not try again then."""


def fault_of(error: Exception) -> Fault:
    """The fault that an error of minio or urllib3 stands for."""
    if isinstance(error, http.MaxRetryError) and error.reason is not None:
        return fault_of(error.reason)
    if isinstance(error, S3Error) and error.code in FAULTS:
        return FAULTS[error.code]
    if isinstance(error, S3Error | ServerError):
        status = status_of(error)
        return STATUSES.get(status, Fault.TRANSIENT if status >= 500 else Fault.OTHER)
    if isinstance(error, http.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Fault.TLS
    kinds = (ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS)
    return next(kinds, Fault.TRANSIENT)


def status_of(error: S3Error | ServerError) -> int:
    """The HTTP status of an answer that is an error."""
    return error.status_code if isinstance(error, ServerError) else error.response.status


class CutOffError(TransientError):
    """An answer that began and broke off."""


@dataclass(frozen=True, slots=True)
class Target:
    """The object, bucket and verb of a call: they decide the class of its error, and its text."""

    uri: str
    bucket: str
    endpoint: str
    verb: str = "read"

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise errors of headcount in place of those of minio and urllib3."""
        try:
            yield
        except FOREIGN as error:
            raise self.translate(error) from error

    def translate(self, error: Exception) -> HeadcountError:
        """The error of headcount for one of minio's or urllib3's."""
        fault = fault_of(error)
        if self.verb in ("read", "delete") and fault is Fault.MISSING:
            return ObjectMissing(self.uri)
        if self.verb == "read" and fault is Fault.DENIED:
            return ObjectDenied(self.uri, DENIED)
        if self.verb == "read" and fault is Fault.ARCHIVED:
            return ObjectDenied(self.uri, ARCHIVED)
        if self.verb == "read" and fault is Fault.OTHER and isinstance(error, S3Error):
            return ObjectError(self.uri, _detail(error))  # e.g. encrypted with another's key
        if fault in ADVICE:
            advice = ADVICE[fault].format(
                uri=self.uri, bucket=self.bucket, endpoint=self.endpoint, verb=self.verb
            )
            kind = WorkerUnfit if fault in OWN_FAULTS else FatalError
            return kind(f"{advice} ({_detail(error)})")
        cut_off = self.verb == "read" and isinstance(error, CUT_OFF)
        passing = CutOffError if cut_off else TransientError
        return passing(f"cannot {self.verb} {self.uri}: {_detail(error)}")


def _detail(error: Exception) -> str:
    """The error in words, without URLs: a signed URL is a secret."""
    if isinstance(error, S3Error):
        return f"{error.code}: {error.message}"
    if isinstance(error, http.MaxRetryError):
        return _detail(error.reason) if error.reason else "too many retries"
    return str(error)[:300] or type(error).__name__
