"""The one spelling of each URI, and its parts.

``s3://bucket/prefix/`` is taken as it is written: no percent-encoding, so every key can be said.
``file:///dir/`` is percent-encoded, as file URIs are: ``canonical_uri("My Photos")`` is
``file:///.../My%20Photos/``. Plain paths are never decoded.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from headcount.errors import FatalError
from headcount.storage.file_names import key_of

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
ALLOWED = "the places that may be used here"
"""The bounds that HEADCOUNT_ALLOWED_URIS sets, in words."""
_ACCEPTED = "a path, file:///dir/ or s3://bucket/prefix/"


def canonical_uri(uri: str) -> str:
    """The one spelling of a place: ends in ``/``; plain paths become absolute ``file://`` URIs.

    Applying it twice changes nothing. Symbolic links stay as they are. Raises FatalError.
    """
    if _scheme(uri) == "s3":
        bucket, prefix = split_s3_uri(uri)
        return f"s3://{bucket}/{prefix}" + ("/" if prefix and not prefix.endswith("/") else "")
    return directory_uri(local_path(uri))


def is_within(uri: str, places: tuple[str, ...]) -> bool:
    """Whether a URI lies in one of ``places``, by whole parts of the path; no places: anywhere.

    Links are followed in local paths, and ``..`` in keys of S3 is never within anything.
    """
    if not places:
        return True
    own = _resolved(uri)
    relative = own.startswith("s3://") and not {".", ".."}.isdisjoint(own.split("/"))
    return not relative and any(own.startswith(_resolved(place)) for place in places)


def _resolved(uri: str) -> str:
    canonical = canonical_uri(uri)
    if canonical.startswith("s3://"):
        return canonical if canonical.endswith("/") else canonical + "/"
    return directory_uri(local_path(canonical).resolve())


def split_object_uri(uri: str) -> tuple[str, str]:
    """The store and the key of a URI or path that names one object, such as a CSV file."""
    parent, _, name = uri.rpartition("/")
    if not name or name in (".", ".."):
        raise FatalError(f"{uri!r} names a folder, and a file is needed here")
    if _scheme(uri) == "s3":
        _, key = split_s3_uri(uri)
        if not key:
            raise FatalError(f"{uri!r} names a bucket, and an object is needed here")
        return canonical_uri(parent), name
    path = local_path(uri)
    return directory_uri(path.parent), key_of(os.fsencode(path.name))


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and prefix of an ``s3://`` URI. Raises FatalError where it has no bucket."""
    bucket, _, prefix = uri[len("s3://") :].partition("/")
    if not bucket:
        raise FatalError(f"{uri!r} has no bucket: expected s3://bucket/prefix/")
    return bucket, prefix


def local_path(uri: str) -> Path:
    """The absolute path that a plain path or a ``file://`` URI names."""
    if not uri or "\0" in uri:
        raise FatalError(f"{uri!r} is no place: expected {_ACCEPTED}")
    scheme = _scheme(uri)
    if scheme is None:
        return Path(os.path.abspath(_expanded(uri)))  # noqa: PTH100 - absolute() keeps `..`
    if scheme != "file":
        raise FatalError(f"cannot open {uri!r}: {scheme}:// is not known; expected {_ACCEPTED}")
    host, slash, path = uri[len("file://") :].partition("/")
    if not slash or host not in ("", "localhost"):
        raise FatalError(f"{uri!r} names a host: a local folder is file:///dir/, with 3 slashes")
    decoded = os.fsdecode(unquote_to_bytes(os.fsencode("/" + path)))
    if "\0" in decoded:
        raise FatalError(f"{uri!r} is no place: expected {_ACCEPTED}")
    return Path(os.path.abspath(decoded))  # noqa: PTH100


def directory_uri(path: Path) -> str:
    """The canonical URI of an absolute path of a directory."""
    return path.as_uri().removesuffix("/") + "/"


def _scheme(uri: str) -> str | None:
    match = _SCHEME.match(uri)
    return match[1].lower() if match else None


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise FatalError(f"cannot open {path!r}: {error}") from error
