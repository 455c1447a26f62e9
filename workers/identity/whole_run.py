"""The last run over all photos: first looks lie between it and the next one, and are passed over.

Ids go on from the job before, whatever it was. What has changed is told since the last whole run.
"""

from __future__ import annotations

import pyarrow as pa

from workers.identity.previous_run import (
    assignments_of_base,
    job_before,
    read_assignments,
    remap,
    whole_job_before,
)
from workers.identity.remap import remapped_since
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables


def last_whole_assignments(
    tables: PackTables, job_id: str, faces: pa.Table, embeddings: EmbeddingLookup
) -> pa.Table | None:
    """Assignments of the last whole run before ``job_id``, by the ids of this run's faces.

    None where the job before is that run, or there is none. Empty where only first looks were
    before.
    """
    last = whole_job_before(tables, job_id)
    if last == job_before(tables, job_id):
        return None
    if last is None:
        return assignments_of_base(tables, job_id, faces)
    changed = remapped_since(tables, last, faces, embeddings)
    return remap(read_assignments(tables, last), changed.ids)
