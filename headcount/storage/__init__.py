"""Where photos, people, archives and results lie: S3 and local directories behind one protocol."""

from __future__ import annotations

from headcount.storage.base import Blob, ObjectInfo, Store
from headcount.storage.opening import canonical_uri, open_store

__all__ = ["Blob", "ObjectInfo", "Store", "canonical_uri", "open_store"]
