"""What S3 and the way to it can answer, and whose fault headcount takes it to be."""

from __future__ import annotations

import inspect
import ssl
from types import ModuleType
from xml.etree.ElementTree import ParseError

import pytest
import urllib3
from minio import error as minio_errors
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import exceptions

from headcount.errors import (
    FatalError,
    ObjectDenied,
    ObjectError,
    ObjectMissing,
    TransientError,
    WorkerUnfit,
)
from headcount.storage.s3.faults import ADVICE, ERRORS, FAULTS, FOREIGN, Fault, Target

POOL = urllib3.HTTPConnectionPool("127.0.0.1", 1)


def s3_error(code: str, status: int = 400) -> S3Error:
    response = urllib3.HTTPResponse(status=status)
    return S3Error(response, code, "words", "/bucket/key", None, None)


def kind(error: Exception, verb: str = "read") -> type[Exception]:
    return type(Target("s3://bucket/key", "bucket", "http://here", verb).translate(error))


@pytest.mark.parametrize(
    ("code", "status", "read", "listed", "written"),
    [
        ("NoSuchKey", 404, ObjectMissing, TransientError, TransientError),
        ("AccessDenied", 403, ObjectDenied, FatalError, FatalError),
        ("InvalidObjectState", 403, ObjectDenied, FatalError, FatalError),
        ("NoSuchBucket", 404, FatalError, FatalError, FatalError),
        ("InvalidAccessKeyId", 403, WorkerUnfit, WorkerUnfit, WorkerUnfit),
        ("SignatureDoesNotMatch", 403, WorkerUnfit, WorkerUnfit, WorkerUnfit),
        ("ExpiredToken", 400, WorkerUnfit, WorkerUnfit, WorkerUnfit),
        ("Unauthorized", 401, WorkerUnfit, WorkerUnfit, WorkerUnfit),
        ("PermanentRedirect", 301, FatalError, FatalError, FatalError),
        ("RequestTimeTooSkewed", 403, WorkerUnfit, WorkerUnfit, WorkerUnfit),
        ("XMinioStorageFull", 507, FatalError, FatalError, FatalError),
        ("SlowDown", 503, TransientError, TransientError, TransientError),
        ("InternalError", 500, TransientError, TransientError, TransientError),
        ("RequestTimeout", 400, TransientError, TransientError, TransientError),
        ("NeverHeardOf", 503, TransientError, TransientError, TransientError),
        ("NeverHeardOf", 429, TransientError, TransientError, TransientError),
        ("NeverHeardOf", 403, ObjectDenied, FatalError, FatalError),
        ("InvalidRequest", 400, ObjectError, FatalError, FatalError),
    ],
)
def test_codes_of_s3(
    code: str,
    status: int,
    read: type[Exception],
    listed: type[Exception],
    written: type[Exception],
) -> None:
    error = s3_error(code, status)
    assert kind(error) is read
    assert kind(error, "list") is listed
    assert kind(error, "write") is written


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.ReadTimeoutError(POOL, "/", "slow"), TransientError),
        (exceptions.ConnectTimeoutError("slow"), TransientError),
        (exceptions.ProtocolError("reset", ConnectionResetError(104, "reset")), TransientError),
        (exceptions.IncompleteRead(3, 7), TransientError),
        (exceptions.MaxRetryError(POOL, "/", exceptions.ProtocolError("reset")), TransientError),
        (exceptions.EmptyPoolError(POOL, "no connection"), TransientError),
        (exceptions.SSLError("EOF occurred"), TransientError),
        (exceptions.SSLError(ssl.SSLError("CERTIFICATE_VERIFY_FAILED")), WorkerUnfit),
        (exceptions.LocationParseError("http://["), FatalError),
        (ServerError("bad gateway", 502), TransientError),
        (ServerError("not implemented here", 405), FatalError),
        (ServerError("no S3 server", 404), ObjectMissing),
        (InvalidResponseError(502, "application/xml", None), TransientError),
        (ParseError("cut off"), TransientError),
        (ValueError("invalid bucket name"), FatalError),
    ],
)
def test_errors_on_the_way(error: Exception, expected: type[Exception]) -> None:
    assert issubclass(kind(error), expected)


def test_every_fault_of_the_table_becomes_an_error_of_headcount() -> None:
    for code in FAULTS:
        for verb in ("read", "list", "write", "delete"):
            assert kind(s3_error(code), verb) in (
                ObjectMissing,
                ObjectDenied,
                TransientError,
                FatalError,
                WorkerUnfit,
            )
    assert set(FAULTS.values()) <= set(Fault)
    assert Fault.TRANSIENT not in ADVICE


def errors_of(module: ModuleType) -> list[type[Exception]]:
    classes = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
    return [
        kind
        for kind in classes
        if kind.__module__ == module.__name__
        and issubclass(kind, Exception)
        and not issubclass(kind, Warning)
    ]


BY_STATUS = {minio_errors.S3Error, ServerError}
ROOTS = {minio_errors.MinioException, exceptions.HTTPError}
NEVER_RAISED = {minio_errors.MinioAdminException}
"""By clients of ours: that is an error of MinIO's own administration."""


@pytest.mark.parametrize(
    "error",
    sorted(
        {*errors_of(minio_errors), *errors_of(exceptions)} - BY_STATUS - ROOTS - NEVER_RAISED,
        key=lambda kind: kind.__name__,
    ),
)
def test_every_exception_class_of_minio_and_urllib3_is_in_the_table(
    error: type[Exception],
) -> None:
    assert issubclass(error, FOREIGN), "it would not be caught"
    assert any(kind in ERRORS for kind in error.__mro__), "say in ERRORS which fault it is"


def test_a_signed_address_is_not_repeated() -> None:
    reason = exceptions.ProtocolError("refused")
    error = exceptions.MaxRetryError(POOL, "/key?X-Amz-Signature=SECRET", reason)
    text = str(Target("s3://bucket/key", "bucket", "http://here").translate(error))
    assert "SECRET" not in text
    assert "refused" in text


def test_an_archived_object_is_denied_and_said_to_be_archived() -> None:
    target = Target("s3://bucket/key", "bucket", "http://here")
    error = target.translate(s3_error("InvalidObjectState"))
    assert isinstance(error, ObjectDenied)
    assert "archived" in error.as_photo_error().reason


def test_a_denied_object_says_which_setting_may_be_missing() -> None:
    error = Target("s3://bucket/key", "bucket", "http://here").translate(s3_error("AccessDenied"))
    assert isinstance(error, ObjectDenied)
    assert "HEADCOUNT_S3_REQUESTER_PAYS" in error.as_photo_error().reason


def test_an_object_that_is_not_there_is_missing_also_for_delete() -> None:
    assert kind(s3_error("NoSuchKey"), "delete") is ObjectMissing
    assert kind(s3_error("NoSuchBucket"), "delete") is FatalError


def test_what_a_server_cannot_do_is_not_tried_again() -> None:
    assert kind(s3_error("NotImplemented"), "write") is FatalError
