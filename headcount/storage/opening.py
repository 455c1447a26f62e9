"""Opening: the store at a URI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from headcount.errors import WorkerUnfit
from headcount.storage.uris import ALLOWED, canonical_uri, is_within, local_path, split_s3_uri

if TYPE_CHECKING:
    from headcount.s3_settings import S3Settings
    from headcount.storage.base import Store


def open_store(uri: str, settings: S3Settings | None = None, *, concurrency: int = 32) -> Store:
    """The store at ``uri``; it contacts and makes nothing before its first use.

    ``settings`` says how to reach S3 (default: from the environment), ``concurrency`` how many
    connections to keep. Raises FatalError for a URI that no store understands, and WorkerUnfit for
    a place that may not be used here.
    """
    uri = canonical_uri(uri)
    if settings is None and (uri.startswith("s3://") or os.environ.get("HEADCOUNT_ALLOWED_URIS")):
        from headcount.s3_settings import S3Settings

        settings = S3Settings()
    bounds = settings.allowed_uris if settings else ()
    if not is_within(uri, bounds):
        raise WorkerUnfit(f"{uri} is outside {ALLOWED}: HEADCOUNT_ALLOWED_URIS lists them", "place")
    if settings is None or uri.startswith("file://"):
        from headcount.storage.local.store import DirectoryStore

        return DirectoryStore(local_path(uri), bounds=bounds)
    from headcount.storage.s3.store import S3Store

    bucket, prefix = split_s3_uri(uri)
    return S3Store(bucket, prefix, settings.at(uri), concurrency=concurrency)
