"""Opening: the store at a URI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headcount.storage.uris import canonical_uri, local_path, split_s3_uri

if TYPE_CHECKING:
    from headcount.s3_settings import S3Settings
    from headcount.storage.base import Store


def open_store(uri: str, settings: S3Settings | None = None, *, concurrency: int = 32) -> Store:
    """The store at ``uri``; it contacts and makes nothing before its first use.

    ``settings`` says how to reach S3 (default: from the environment), ``concurrency`` how many
    connections to keep. Raises FatalError for a URI that no store understands.
    """
    uri = canonical_uri(uri)
    if uri.startswith("file://"):
        from headcount.storage.local.store import DirectoryStore

        return DirectoryStore(local_path(uri))
    from headcount.s3_settings import S3Settings
    from headcount.storage.s3.store import S3Store

    bucket, prefix = split_s3_uri(uri)
    return S3Store(bucket, prefix, settings or S3Settings(), concurrency=concurrency)
