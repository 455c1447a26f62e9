"""Record: a frozen JSON object with a version, written to an archive or sent in a message.

A record in an archive begins with the SHA-256 of its other bytes, so that a changed one is noticed
whenever it is read. Those of earlier builds have none.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.errors import FatalError, ObjectMissing
from headcount.storage.base import Store

_SUM = re.compile(rb'\A\{(?:\n )?"sum": "([0-9a-f]{64})",')


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Record(BaseModel):
    """A frozen JSON record with a version."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,  # an alias is the name in the archive
    )

    version: Literal[1] = 1

    def to_bytes(self) -> bytes:
        """The record as JSON, with the sum of its bytes."""
        return with_sum(self.model_dump_json(indent=1).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the record back. Raises ValidationError where it has changed or is none."""
        bare, right = split_sum(data)
        return cls.model_validate_json(data if right is False else bare)


def with_sum(text: bytes) -> bytes:
    """A JSON object's text with the SHA-256 of itself as its first field."""
    space = b"\n " if text.startswith(b"{\n") else b""
    digest = hashlib.sha256(text).hexdigest().encode()
    return b"{" + space + b'"sum": "' + digest + b'",' + text[1:]


def split_sum(text: bytes) -> tuple[bytes, bool | None]:
    """A JSON object's text without its sum, and whether that is right; None where it has none."""
    found = _SUM.match(text)
    if found is None:
        return text, None
    bare = b"{" + text[found.end() :]
    return bare, hashlib.sha256(bare).hexdigest().encode() == found[1]


AnyRecord = TypeVar("AnyRecord", bound=Record)


def read_record(store: Store, key: str, kind: type[AnyRecord]) -> AnyRecord:
    """Read a record back. Raises ObjectMissing; FatalError if it is damaged or not of this kind."""
    data = store.get(key).data
    try:
        return kind.from_bytes(data)
    except ValidationError as error:
        if split_sum(data)[1] is False:
            raise FatalError(
                f"{store.uri}{key} has changed since it was written: its SHA-256 is another one. "
                "`headcount verify` says what to do"
            ) from error
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise FatalError(
            f"{store.uri}{key} is damaged or of another version of headcount "
            f"({where}: {first['msg']}). Restore it, or use another archive."
        ) from error


def find_record(store: Store, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
    """Like read_record, and None where there is no such object."""
    try:
        return read_record(store, key, kind)
    except ObjectMissing:
        return None
