"""S3Store: objects below a prefix of a bucket, on AWS or any S3 server.

A bucket can hold keys that no HTTP client can ask for (``a/../b``): they are listed, and reading
them is an ObjectError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from io import BytesIO
from pathlib import Path
from typing import ParamSpec, TypeVar

from minio.error import S3Error, ServerError
from urllib3 import BaseHTTPResponse

from headcount.errors import (
    FatalError,
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
from headcount.storage.s3.client import (
    CreateOnly,
    Pool,
    encryption_of,
    find_credentials,
    make_client,
    payer_of,
)
from headcount.storage.s3.faults import CutOffError, Fault, Target, fault_of, status_of
from headcount.storage.s3.listing import Listing
from headcount.storage.s3.tags import tag_of_answer, tag_of_object

BROKEN_PAUSES = (0.0, 0.4)
"""Seconds before each further try of an answer that broke off."""
CONFLICT_PAUSES = (0.1, 0.3, 1.0, 0.0)
"""Seconds after each try that met another writer; the last try is final."""
PART_BYTES = 16 << 20
"""Larger objects are sent in parts of so many bytes, three at a time."""

Given = ParamSpec("Given")
Read = TypeVar("Read")


def _whole(read: Callable[Given, Read]) -> Callable[Given, Read]:
    """Make ``read`` try again where an answer breaks off, as often as urllib3 tries to get one."""

    @wraps(read)
    def again(*args: Given.args, **kwargs: Given.kwargs) -> Read:
        for pause in BROKEN_PAUSES:
            try:
                return read(*args, **kwargs)
            except CutOffError:
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
        self._endpoint = settings.endpoint
        with self._target(self._uri, "use").translated():
            pool, credentials = Pool(concurrency), find_credentials(settings)
            connect = partial(make_client, settings, credentials)
            self._client, self._creator = connect(pool), connect(CreateOnly(pool))
        self._listing = Listing(
            bucket, pool, connect, self._target(self._uri, "list"), payer_of(settings)
        )
        self._sse = encryption_of(settings)
        self._payer = payer_of(settings)

    @property
    def uri(self) -> str:
        """The canonical URI: ``s3://bucket/prefix/``, not percent-encoded."""
        return self._uri

    def check(self) -> None:
        """Raise FatalError unless the bucket is there, may be listed, and S3 answers."""
        try:
            self._listing.check(self._prefix)
        except TransientError as error:
            raise FatalError(
                f"S3 does not answer at {self._endpoint}: check AWS_ENDPOINT_URL_S3 and the "
                f"network ({error})"
            ) from error

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object, in order; see Store.list. Raises FatalError if it may not be listed."""
        last = start_after
        after = self._prefix + start_after if start_after else ""
        for info in self._listing.objects(self._prefix + prefix, after):
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
        found = (entry for entry in self._listing.level(top) if isinstance(entry, str))
        yield from sorted(entry[len(top) : -1] for entry in found)

    def stat(self, key: str) -> ObjectInfo:
        """One object's info. Raises ObjectMissing, ObjectDenied."""
        try:
            with self._reading(key):
                found = self._client.stat_object(
                    self._bucket, self._prefix + key, extra_headers=dict(self._payer)
                )
        except ObjectDenied:
            self.get_range(key, 0, 1)  # a HEAD says only 403; this one says why
            raise
        return ObjectInfo(key, tag_of_object(found), found.size or 0)

    @_whole
    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """The whole object. Raises ObjectMissing, ObjectDenied, ObjectTooLarge."""
        with self._reading(key), self._body(key) as response:
            told = response.headers.get("Content-Length")
            if limit is not None and told is not None and int(told) > limit:
                raise ObjectTooLarge(self._uri + key, f"{told} bytes, {limit} allowed")
            data = response.read(None if limit is None else limit + 1, decode_content=False)
            etag = tag_of_answer(response.headers)
        if limit is not None and len(data) > limit:
            raise ObjectTooLarge(self._uri + key, f"more than {limit} bytes")
        if told is not None and len(data) != int(told):
            raise CutOffError(f"{self._uri}{key}: cut off after {len(data)} of {told} bytes")
        return Blob(data, etag)

    @_whole
    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``; see Reader.get_range."""
        if length <= 0:
            return b""
        try:
            with self._reading(key), self._body(key, offset, length) as response:
                if etag and etag != tag_of_answer(response.headers):
                    raise ObjectChanged(self._uri + key)
                return response.read(decode_content=False)
        except _BeyondEndError:
            return b""

    def put(self, key: str, data: bytes) -> str:
        """Write an object atomically; returns its etag."""
        with self._writing(key):
            written = self._client.put_object(
                self._bucket,
                self._prefix + key,
                BytesIO(data),
                len(data),
                sse=self._sse,
                part_size=PART_BYTES,
            )
        return self._confirmed(key, written.etag, len(data))

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
            size = path.stat().st_size
        except OSError as error:
            raise FatalError(f"cannot read {path}: {error.strerror or error}") from error
        return self._confirmed(key, written.etag, size)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none; False if there was one. Atomic.

        Asked once, without retries: an attempt whose answer was lost may have written the object,
        and its repetition would say False to the one who wrote it. Then: TransientError.
        """
        with self._writing(key):
            for pause in CONFLICT_PAUSES:
                try:
                    self._create(key, data)
                except (S3Error, ServerError) as error:
                    if status_of(error) == 412:
                        return False
                    if status_of(error) != 409 or not pause:
                        raise
                    time.sleep(pause)  # two writers at once: this attempt wrote nothing
                else:
                    break
        return True

    def _create(self, key: str, data: bytes) -> None:
        self._creator.put_object(
            self._bucket,
            self._prefix + key,
            BytesIO(data),
            len(data),
            sse=self._sse,
            part_size=max(PART_BYTES, len(data)),  # one request: a condition holds for one
        )

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            with self._writing(key, "delete"):
                self._client.remove_object(self._bucket, self._prefix + key)
        except ObjectMissing:
            return

    def clear_leftovers(self, folder: str = "", *, below: bool = True) -> None:
        """Do nothing: an object is there whole, or not at all."""

    @contextmanager
    def _body(self, key: str, offset: int = 0, length: int = 0) -> Iterator[BaseHTTPResponse]:
        response = self._client.get_object(
            self._bucket, self._prefix + key, offset, length, request_headers=dict(self._payer)
        )
        try:
            yield response
        except BaseException:
            response.close()  # there may be unread bytes: no one must get them as their answer
            raise
        finally:
            response.release_conn()

    def _target(self, uri: str, verb: str) -> Target:
        return Target(uri, self._bucket, self._endpoint, verb)

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        uri = self._uri + key
        if not {".", ".."}.isdisjoint((self._prefix + key).split("/")):
            raise ObjectError(uri, "keys with '.' or '..' between slashes cannot be fetched")
        with self._target(uri, "read").translated():
            try:
                yield
            except S3Error as error:
                if fault_of(error) is Fault.RANGE:
                    raise _BeyondEndError from error
                raise

    @contextmanager
    def _writing(self, key: str, verb: str = "write") -> Iterator[None]:
        require_key(self._uri, key)
        with self._target(self._uri + key, verb).translated():
            yield

    def _confirmed(self, key: str, etag: str | None, size: int) -> str:
        """The tag of what was written. Raises TransientError where S3 did not confirm it.

        S3 may say 200 to the joining of parts, and then, in the body, that it failed.
        """
        if etag:
            return etag
        if size > PART_BYTES:
            raise TransientError(f"cannot write {self._uri}{key}: S3 did not confirm it")
        return self.stat(key).etag


class _BeyondEndError(Exception):
    """The range asked for begins after the object's end."""
