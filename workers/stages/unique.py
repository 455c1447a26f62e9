"""The faces of a run, each once."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments import history
from headcount.errors import FatalError


def require_unique(faces: pa.Table) -> None:
    """Raise FatalError where two rows are of one face: the pair of photo and face id names it."""
    keys = history.face_keys(faces)
    if pc.count_distinct(keys).as_py() == len(keys):
        return
    counts = keys.value_counts()
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    photo, face = twice[0].as_py().split("\0")
    raise FatalError(
        f"{len(twice):,} faces are in the archive more than once, such as {face} of {photo}: "
        "`headcount rollback` to the last job before that, and run again"
    )
