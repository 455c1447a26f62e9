"""Rows: the stores of the photos that a list names, each photo held against the bounds."""

from __future__ import annotations

from headcount.errors import ObjectDenied
from headcount.s3_settings import S3Settings
from headcount.storage.base import Reader
from headcount.storage.local.store import DirectoryStore
from headcount.storage.opening import open_store
from headcount.storage.uris import ALLOWED, is_within, local_path


class Rows:
    """The stores of a list's photos. A list may name any bucket, and any file of the machine."""

    def __init__(self, settings: S3Settings, concurrency: int) -> None:
        self._settings = settings
        self._concurrency = concurrency

    def place(self, store: str, key: str) -> tuple[str, str]:
        """The store and the key by which a photo is read. Raises ObjectDenied for one outside.

        The store is the prefix with settings of its own, where the photo lies in one.
        """
        if not store.startswith("s3://"):
            return store, key  # the store of a folder follows links, and denies what lies outside
        uri = store + key
        if not is_within(uri, self._settings.allowed_uris):
            raise ObjectDenied(uri, f"outside {ALLOWED}")
        place = self._settings.place_of(uri)
        folder = store if place is None else place.folder
        return folder, uri[len(folder) :]

    def open(self, store: str) -> Reader:
        """A store of photos; `place` says which of them may be read."""
        if store.startswith("s3://"):
            everywhere = self._settings.everywhere()
            return open_store(store, everywhere, concurrency=self._concurrency)
        return DirectoryStore(local_path(store), bounds=self._settings.allowed_uris)
