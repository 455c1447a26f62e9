"""The language that the orchestrator and the workers share; ``open`` and ``run`` for Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from headcount.archive import Archive, Ended, Option

__version__ = "0.1.0"


def open(uri: str | os.PathLike[str]) -> Archive:  # noqa: A001 - headcount.open(URI)
    """Open an archive: its tables, embeddings, people and answers as Arrow. See Archive.

    ``uri`` is a folder or an ``s3://`` URI, also the ``--out`` of a run that has its archive in it.
    How S3 is reached is read from the environment. Raises FatalError where there is no archive.
    """
    from headcount.archive import open_archive

    return open_archive(uri)


def run(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    archive: str | os.PathLike[str] | None = None,
    told: Callable[[str], None] | None = None,
    **options: Option,
) -> Ended:
    """Take the roll of ``photos`` as ``headcount run`` does, and wait for its end.

    ``archive`` is ``OUT/archive`` by default. ``options`` are those of the command line:
    ``people="people/"``, ``purity=0.8``, ``keep_poor=True``, ``format=["csv", "xlsx"]``. ``told``
    is called with each line that the program prints, such as ``print``. Raises FatalError with the
    program's message.
    """
    from headcount.archive import run_photos

    return run_photos(photos, out=out, archive=archive, told=told, **options)
