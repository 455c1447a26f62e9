"""Tags: the text that changes with an object, also where a store gives no ETags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from minio.datatypes import Object
from minio.time import from_http_header


def tag_of(etag: str | None, modified: datetime | None, size: int) -> str:
    """The object's ETag; where it has none, ``modified-SECONDS-SIZE``, which no MD5 looks like.

    In whole seconds: a listing tells more of them than the header Last-Modified does. The mark
    ``W/`` is no part of a tag: proxies set it on some answers for an object, and not on others.
    """
    named = (etag or "").removeprefix("W/").replace('"', "")
    if named:
        return named
    seconds = int(modified.timestamp()) if modified is not None else ""
    return f"modified-{seconds}-{size}"


def tag_of_object(found: Object) -> str:
    """The tag of an object of a listing, or of a HEAD."""
    return tag_of(found.etag, found.last_modified, found.size or 0)


def tag_of_answer(headers: Mapping[str, str]) -> str:
    """The tag of the object of which an answer holds the whole, or a range."""
    said = headers.get("Last-Modified")
    whole = headers.get("Content-Range", "").rpartition("/")[2]
    size = whole if whole.isdigit() else headers.get("Content-Length", "0")
    return tag_of(headers.get("ETag"), from_http_header(said) if said else None, int(size))
