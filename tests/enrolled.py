"""People who are enrolled before a job that is driven in one process."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from headcount.contract.columns import QUALITY_PARTS
from headcount.contract.stored.jobs import DoneMarker
from headcount.contract.vocabulary import person_id
from headcount.tables.schemas import gallery_schema
from tests.at_once import WIDTH, vector_of
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables
from workers.stages.prepare import prepare_job
from workers.tables.rows import fixed_lists


def enrol(*names: str) -> Callable[[Unit], DoneMarker]:
    """A first unit that also enrols these people, each with one reference."""

    def prepare(unit: Unit) -> DoneMarker:
        marker, count = prepare_job(unit), len(names)
        gallery = job_tables(unit).gallery
        if not gallery.count():
            columns = {
                "person_id": [person_id(name) for name in names],
                "person": list(names),
                "source": ["file:///people/"] * count,
                "photo": [f"{name}/1.jpg" for name in names],
                "etag": [""] * count,
                "content": [""] * count,
                **{c: np.full(count, 10, np.float32) for c in ("x", "y", "w", "h", "quality")},
                "descriptor": fixed_lists(np.array([vector_of(n) for n in names], np.float32)),
                "reading": [None] * count,
                "orientation": [None] * count,
                **dict.fromkeys(QUALITY_PARTS, [None] * count),
            }
            gallery.append(pa.table(columns, schema=gallery_schema(WIDTH)))
        return marker

    return prepare
