"""Bounds: no symbolic link leads out of the places that may be used."""

from __future__ import annotations

import os
import sys

from headcount.errors import FatalError, ObjectDenied
from headcount.storage.uris import local_path

OUT = "outside HEADCOUNT_ALLOWED_URIS, links followed"


class Bounds:
    """The folders that may be used, links followed; none of ``places`` given: all."""

    def __init__(self, places: tuple[str, ...]) -> None:
        local = [place for place in places if not place.lower().startswith("s3://")]
        roots = (os.fsencode(local_path(place).resolve()) for place in local)
        self._free = not places
        self._roots = [root.rstrip(b"/") + b"/" for root in roots]

    def has(self, path: bytes) -> bool:
        """Whether a path lies inside, links followed, whether or not something is there."""
        return self._free or self._inside(os.path.realpath(path))

    def require_file(self, handle: int, path: bytes, uri: str) -> None:
        """Raise ObjectDenied where an open file lies outside.

        Linux says where it lies; the path itself may have been changed since it was opened.
        """
        if self._free:
            return
        opened = f"/proc/self/fd/{handle}".encode()
        linux = sys.platform == "linux"
        real = os.readlink(opened) if linux else os.path.realpath(path)  # noqa: PTH115 - bytes path
        if not self._inside(real):
            raise ObjectDenied(uri, OUT)

    def require_target(self, path: bytes, uri: str) -> None:
        """Raise FatalError where what is written or removed at a path would lie outside."""
        if not self.has(os.path.dirname(path)):  # noqa: PTH120 - bytes path
            raise FatalError(f"cannot write {uri}: its folder is {OUT}")

    def _inside(self, real: bytes) -> bool:
        return any((real + b"/").startswith(root) for root in self._roots)
