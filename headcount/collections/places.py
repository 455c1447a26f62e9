"""Kinds of collections by their URIs, the one spelling of a URI, and the keys that are photos."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath

from headcount.collections.suffixes import is_photo
from headcount.storage.uris import canonical_uri, local_path, split_object_uri


class Kind(StrEnum):
    """The kind of a collection: a folder, a container, a manifest."""

    FOLDER = "folder"
    TAR = "tar"
    ZIP = "zip"
    MANIFEST = "manifest"


_KINDS = {
    ".tar": Kind.TAR,
    ".zip": Kind.ZIP,
    ".csv": Kind.MANIFEST,
    ".jsonl": Kind.MANIFEST,
    ".ndjson": Kind.MANIFEST,
    ".parquet": Kind.MANIFEST,
    # These are recognised so that it can be said why they are not read.
    ".tgz": Kind.TAR,
    ".tar.gz": Kind.TAR,
    ".tar.bz2": Kind.TAR,
    ".tar.xz": Kind.TAR,
    ".tar.zst": Kind.TAR,
}


def kind_of(uri: str) -> Kind:
    """The kind of collection that a canonical URI, or a key, names; ``.../`` is a folder."""
    name = uri.rpartition("/")[2].lower()
    return next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), Kind.FOLDER)


def is_container(key: str) -> bool:
    """Whether an object is a tar or ZIP file, by its suffix; hidden files do not count."""
    hidden = PurePosixPath(key).name.startswith(".")
    return not hidden and kind_of(key) in (Kind.TAR, Kind.ZIP)


def container_of(key: str) -> str | None:
    """The first part of a key's path that is named like a tar or ZIP file: ``a/b.tar``."""
    parts = key.split("/")
    for number in range(1, len(parts)):
        folder = "/".join(parts[:number])
        if is_container(folder):
            return folder
    return None


def canonical_collection(uri: str) -> str:
    """The one spelling of a collection: ends in ``/`` unless it is one file. Raises FatalError.

    A file is recognised by its suffix; a directory, and what ends in ``/``, is a folder whatever
    it is called.
    """
    if uri.endswith("/") or kind_of(uri) is Kind.FOLDER:
        return canonical_uri(uri)
    if "://" not in uri or uri.lower().startswith("file://"):
        path = local_path(uri)
        return canonical_uri(uri) if path.is_dir() else path.as_uri()
    store, key = split_object_uri(uri)
    return store + key


def counts_as_photo(key: str, uri: str, *, archives: bool, all_objects: bool) -> bool:
    """Whether the object that the collection at ``uri`` lists under ``key`` counts as a photo.

    Every row of a manifest does; a container is listed itself only where it cannot be read, and
    then counts, so that the loss shows.
    """
    kind = kind_of(uri)
    if all_objects or kind is Kind.MANIFEST or is_photo(key):
        return True
    if kind is Kind.FOLDER:
        return archives and is_container(key) and container_of(key) is None
    return is_container(key) and key == file_name(uri)


def file_name(uri: str) -> str:
    """The key under which a container that is the collection itself is listed."""
    return split_object_uri(uri)[1]
