"""Collections that are no plain folder: tar and ZIP files, folders of them, lists of photos.

Each is a Reader: it lists photos in the order of their keys and reads one by its key. The places of
a container's members are kept in the archive as an index: neither planning nor a worker holds them
in memory, or looks through a container for one photo.
"""

from __future__ import annotations

from headcount.collections.opening import open_collection
from headcount.collections.places import canonical_collection, counts_as_photo

__all__ = ["canonical_collection", "counts_as_photo", "open_collection"]
