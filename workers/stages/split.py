"""The first task of a large reduce stage: settle how it is split, and share the faces out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.answers.renames import Renames
from headcount.contract.columns import FACES, QUALITY_PARTS
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import DoneMarker, SplitRecord
from headcount.tables.sums import require_unchanged, tables_of_pack
from workers.clustering.cells import UNASSIGNED
from workers.clustering.centroids import Centroids, sample_keys, sample_size
from workers.clustering.knn import EXACT_LIMIT
from workers.identity.update import bring_up_to_date
from workers.runtime.stopwatch import Stopwatch
from workers.runtime.threads import own_threads
from workers.runtime.unit import Unit
from workers.stages.assign import to_cluster
from workers.stages.exchange import write_arrays
from workers.stages.job_tables import job_tables
from workers.stages.split_tasks import read_split
from workers.tables.columns import Numbers
from workers.tables.faces import DESCRIPTOR, empty, faces_table, in_order, own_copy
from workers.tables.stored import FacesVersion, Parts, StoredEmbeddings, embeddings_of

COLUMNS = tuple(
    dict.fromkeys(("photo", "face_id", "x", "y", "w", "h", "quality", "usable", *QUALITY_PARTS))
)
"""What references of named faces are made of, and what says which faces are clustered."""


def split_faces(unit: Unit) -> DoneMarker:
    """Bring the gallery up to date, and write how the stage is split.

    Written are the parts of the table of faces, the rows of each that are to be clustered, and the
    centroids of the cells, unless the faces are so few that every pair is compared. Of all
    embeddings only the sample for the centroids is held, twice.

    The task that writes ``split.json`` first settles it. A task that is begun again, or comes
    second, uses the table versions and parts in that file, and so writes the same bytes.
    """
    tables = job_tables(unit)
    require_unchanged(unit.store, tables_of_pack(tables.keys), unit.context.s3)
    tables.grow(unit.record.dimensions)
    done = _split(unit, find_record(unit.store, unit.keys.split, SplitRecord))
    while done is None:  # another task settled it first
        done = _split(unit, read_split(unit))
    return done


def _split(unit: Unit, settled: SplitRecord | None) -> DoneMarker | None:
    """Share the faces out as ``settled``, or settle it; None where another task did meanwhile."""
    watch = Stopwatch()
    source = _open(unit, settled)
    faces = _read(source, unit.raise_if_stopped)
    renames = _bring_up_to_date(unit, source, faces) if settled is None else Renames()
    watch.lap("load")
    rows, face_ids = to_cluster(faces.table)
    chosen = faces.order[rows]
    centroids = _centroids(source, faces.sample_keys, chosen)
    split = settled or _settle(unit, source, len(face_ids), centroids, renames)
    if settled is None and not unit.fenced.put_new(unit.keys.split, split.to_bytes()):
        return None
    _write_numbers(unit, faces, chosen)
    if centroids is not None:
        write_arrays(unit.fenced, unit.keys.centroids, **centroids.arrays())
    watch.lap("cut")
    counts = {"parts": len(split.parts), "groups": len(split.groups)}
    return unit.done(**watch.report(), counts=counts)


def _open(unit: Unit, settled: SplitRecord | None) -> FacesVersion:
    """The version and parts that were settled; else the latest version, cut into parts."""
    tables = job_tables(unit)
    latest = faces_table(tables, settled)
    version = settled.faces_version if settled else latest.version
    table = latest.at(version)
    most = unit.context.settings.reduce_faces
    parts = settled.parts if settled else cut_fragments(table.fragments(), most)
    return FacesVersion(tables, table, version, parts, unit.record.dimensions)


def cut_fragments(fragments: Mapping[int, int], most: int) -> Parts:
    """Parts of at most ``most`` rows, or of one fragment; ``fragments`` has the rows of each."""
    parts: list[list[int]] = []
    held = most
    for fragment, rows in fragments.items():
        if held + rows > most or not parts:
            parts.append([])
            held = 0
        parts[-1].append(fragment)
        held += rows
    return tuple(tuple(part) for part in parts)


@dataclass(frozen=True, slots=True)
class _Faces:
    """The collection's N faces, sorted; ``order`` (N) is the stored row of each, part after part.

    ``sample_keys`` (N) are numbers of the stored rows, by which a sample is drawn; ``counts`` the
    rows of each part.
    """

    table: pa.Table
    order: Numbers
    sample_keys: NDArray[np.uint64]
    counts: list[int]


def _read(source: FacesVersion, raise_if_stopped: Callable[[], None]) -> _Faces:
    read, keys, counts = [empty(COLUMNS)], [np.zeros(0, np.uint64)], []
    stored = FACES.stored(source.dimensions)
    columns = pa.schema([stored.field(name) for name in (*COLUMNS, DESCRIPTOR)])
    for part in source.parts:
        counts.append(0)
        for batch in source.scan(columns, part):
            raise_if_stopped()
            read.append(own_copy(batch, COLUMNS))
            keys.append(sample_keys(embeddings_of(batch)))
            counts[-1] += batch.num_rows
    faces, order = in_order(pa.concat_tables(read))
    return _Faces(faces, order, np.concatenate(keys), counts)


def _bring_up_to_date(unit: Unit, source: FacesVersion, faces: _Faces) -> Renames:
    """Apply people's answers to the gallery; gives the renames that it is to be read with."""
    known = bring_up_to_date(
        source.tables,
        unit.job_id,
        faces.table,
        StoredEmbeddings(source, faces.order),
        enrol=True,
        confirm=unit.confirm,
    )
    return known.answers.renames


def _centroids(source: FacesVersion, keys: NDArray[np.uint64], chosen: Numbers) -> Centroids | None:
    """Centroids of the chosen rows; None where these are so few that every pair is compared."""
    if len(chosen) <= EXACT_LIMIT:
        return None
    seen, drawn = sample_size(len(chosen))
    rows = chosen[np.argsort(keys[chosen], kind="stable")[:drawn]]
    with own_threads() as pool:
        return Centroids.train(StoredEmbeddings(source)[rows], seen, pool)


def _settle(
    unit: Unit, source: FacesVersion, count: int, centroids: Centroids | None, renames: Renames
) -> SplitRecord:
    """A record of how the stage is split, with ``count`` faces to cluster."""
    return SplitRecord(
        faces_version=source.version,
        gallery_version=job_tables(unit).gallery.version,
        parts=source.parts,
        faces=count,
        groups=cut_cells(0 if centroids is None else len(centroids), len(source.parts)),
        renames=renames.items(),
    )


def cut_cells(cells: int, groups: int) -> tuple[tuple[int, int], ...]:
    """First and end of the cells of each group; no group without cells."""
    if not cells:
        return ()
    return tuple(pairwise(np.linspace(0, cells, groups + 1).astype(int).tolist()))


def _write_numbers(unit: Unit, faces: _Faces, chosen: Numbers) -> None:
    """Write for each row of each part its number among the faces that are clustered."""
    numbers = np.full(len(faces.order), UNASSIGNED, np.int32)
    numbers[chosen] = np.arange(len(chosen))
    for part, number in enumerate(np.split(numbers, np.cumsum(faces.counts)[:-1])):
        write_arrays(unit.fenced, unit.keys.numbers(part), number=number)
