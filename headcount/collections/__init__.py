"""What a collection may be besides a folder: tar and ZIP files, shards of them, lists of photos.

Each is a Reader: it lists photos in the order of their keys and reads one by its key. What lies
where in a container is found out once and kept in the archive as an index, so that neither
planning nor a worker holds it in memory or looks through a container for one photo.
"""

from __future__ import annotations

from headcount.collections.opening import open_collection
from headcount.collections.places import canonical_collection, counts_as_photo

__all__ = ["canonical_collection", "counts_as_photo", "open_collection"]
