"""Places of photos, people, archives and results: S3 and local directories behind one protocol."""

from __future__ import annotations

from headcount.storage.base import Blob, ObjectInfo, Store
from headcount.storage.opening import open_store
from headcount.storage.uris import canonical_uri

__all__ = ["Blob", "ObjectInfo", "Store", "canonical_uri", "open_store"]
