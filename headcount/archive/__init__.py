"""An archive for Python programs: its tables as Arrow, read from the archive alone.

It starts headcount's programs and imports none, nor numpy.
"""

from __future__ import annotations

from headcount.archive.archive import Archive
from headcount.archive.opening import open_archive, run_photos
from headcount.archive.programs import Ended, Option

__all__ = ["Archive", "Ended", "Option", "open_archive", "run_photos"]
