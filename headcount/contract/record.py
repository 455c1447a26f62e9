"""Record: a frozen JSON object with a version, written to an archive or sent in a message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.errors import FatalError, ObjectMissing
from headcount.storage.base import Store


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
        """The record as JSON."""
        return self.model_dump_json(indent=1).encode()


AnyRecord = TypeVar("AnyRecord", bound=Record)


def read_record(store: Store, key: str, kind: type[AnyRecord]) -> AnyRecord:
    """Read a record back. Raises ObjectMissing; FatalError if it is damaged or not of this kind."""
    data = store.get(key).data
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
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
