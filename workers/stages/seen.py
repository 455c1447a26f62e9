"""Places of a job on local disks: whether this worker sees them, as the supervisor does."""

from __future__ import annotations

from headcount.errors import FatalError, WorkerUnfit
from workers.runtime.unit import Unit


def require_seen(unit: Unit) -> None:
    """Raise FatalError where the job's photos lie on a disk that this worker does not see.

    Each photo would be `missing` otherwise, and the job done with nothing. Raises WorkerUnfit where
    it may not use that place.
    """
    photos = unit.spec.photos
    if photos is None or not photos.startswith("file://"):
        return
    try:
        unit.collection.check()
    except WorkerUnfit:
        raise
    except FatalError as error:
        raise FatalError(
            f"the worker {unit.context.worker} does not see {photos}: {error}. Every worker "
            "needs them under this path: mount the folder there too, or put the photos on S3"
        ) from error
