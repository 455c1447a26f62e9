"""From a collection's URI to a reader of its photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headcount.collections.places import Kind, kind_of
from headcount.storage.opening import open_store
from headcount.storage.uris import split_object_uri

if TYPE_CHECKING:
    from headcount.collections.indexed import Container
    from headcount.s3_settings import S3Settings
    from headcount.storage.base import Reader, Store


def open_collection(
    uri: str,
    settings: S3Settings,
    *,
    indexes: Store,
    archives: bool = False,
    concurrency: int = 32,
) -> Reader:
    """The collection at a canonical URI. ``indexes``: the archive, where indexes are kept.

    With ``archives`` the tar and ZIP files of a folder are looked into. Nothing is contacted
    until it is used.
    """
    kind = kind_of(uri)
    if kind is Kind.FOLDER:
        store = open_store(uri, settings, concurrency=concurrency)
        return _looked_into(store, indexes) if archives else store
    folder, key = split_object_uri(uri)
    store = open_store(folder, settings, concurrency=concurrency)
    if kind is not Kind.MANIFEST:
        return _container(store, key, indexes)
    from headcount.collections.indexed import Listed
    from headcount.collections.manifests import Manifest
    from headcount.collections.rows import Rows

    rows = Rows(settings, concurrency)
    return Listed(store, key, Manifest(uri), indexes, rows)


def _looked_into(store: Reader, indexes: Store) -> Reader:
    from headcount.collections.archives import FolderOfArchives

    return FolderOfArchives(store, lambda key: _container(store, key, indexes))


def _container(store: Reader, key: str, indexes: Store) -> Container:
    from headcount.collections.indexed import Container
    from headcount.collections.tars import Tar
    from headcount.collections.zips import Zip

    return Container(store, key, Zip() if kind_of(key) is Kind.ZIP else Tar(), indexes)
