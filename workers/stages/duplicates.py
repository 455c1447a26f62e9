"""Photos whose content the archive knows: their rows are copied, nothing is embedded again.

A photo that was moved, renamed or duplicated has another key and another etag, and the same
bytes. Only its SHA-256 tells, so it is fetched; that saves decoding, detecting and embedding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from headcount.contract import reading
from headcount.contract.stored.jobs import JobSpec, ManifestPhoto
from headcount.contract.vocabulary import PROCESSED, Outcome, Photo
from headcount.errors import TransientError
from headcount.settings import PROFILES, ProfileName
from headcount.tables.filters import READING, any_of, in_collection, parts
from headcount.tables.schemas import faces_schema
from headcount.tables.table import Table

COLUMNS = (
    *("collection", "job_id", "profile", "photo", "bytes", "width", "height", "orientation"),
    *("outcome", "reason", "faces", "content", "reading", "stored_width", "stored_height"),
)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A photo of the archive whose content a photo of the shard may have."""

    collection: str
    job_id: str
    """The job that committed it; its rows of faces bear it too."""
    profile: ProfileName
    photo: Photo


def find_duplicates(
    table: Table, photos: Iterable[ManifestPhoto], profile: ProfileName, *, reread: bool = False
) -> dict[str, Duplicate]:
    """The archive's photos of these sizes, by content.

    Only photos that were processed, with a profile at least as thorough as ``profile``. Rows of
    this build's reading come before those of an older one, which a moved photo keeps with all that
    was said of its faces; photos that are to be read anew (``reread``) are copied from the former
    alone. Asked once per shard, by size: contents are not known yet.
    """
    sizes = sorted({photo.size for photo in photos if photo.size})
    if not sizes or not table.count():
        return {}
    profiles = PROFILES[PROFILES.index(profile) :]
    looked_at = f"{any_of('outcome', sorted(PROCESSED))} AND {any_of('profile', profiles)}"
    if reread:
        looked_at += f" AND {READING} = {reading.READING}"
    duplicates: dict[str, Duplicate] = {}
    for part in parts(sizes):
        wanted = ", ".join(str(size) for size in part)
        where = f"bytes IN ({wanted}) AND {looked_at}"
        for row in table.read(COLUMNS, where=where).to_pylist():
            duplicate = _duplicate(row)
            best = duplicates.get(duplicate.photo.content)
            if duplicate.photo.content and (best is None or _rank(duplicate) < _rank(best)):
                duplicates[duplicate.photo.content] = duplicate
    return duplicates


def _rank(duplicate: Duplicate) -> tuple[int, int, str, str]:
    """Sort key: the latest reading and the weakest profile first, as if it were embedded now."""
    profile = PROFILES.index(duplicate.profile)
    return -duplicate.photo.reading, profile, duplicate.collection, duplicate.photo.key


def _duplicate(row: Mapping[str, object]) -> Duplicate:
    names = ("width", "height", "orientation", "faces", "content", "reason")
    photo = Photo(
        key=str(row["photo"]),
        etag="",
        size=int(str(row["bytes"])),
        outcome=Outcome(str(row["outcome"])),
        reading=int(str(row["reading"] or reading.FIRST)),
        stored_width=int(str(row["stored_width"] or 0)),
        stored_height=int(str(row["stored_height"] or 0)),
        **{name: row[name] for name in names},  # type: ignore[arg-type]
    )
    collection, job_id = str(row["collection"]), str(row["job_id"])
    return Duplicate(collection, job_id, row["profile"], photo)  # type: ignore[arg-type]


def as_photo(duplicate: Duplicate, photo: ManifestPhoto, etag: str) -> Photo:
    """The duplicate's outcome, size and faces, as those of another photo.

    Without what the file says of itself, which is read anew: the name of a file may tell its time.
    """
    return replace(duplicate.photo, key=photo.key, etag=etag)


def copied_faces(
    table: Table,
    copies: Iterable[tuple[Photo, Duplicate]],
    collection: str,
    spec: JobSpec,
    *,
    width: int,
) -> pa.Table:
    """The rows of the duplicates' faces as rows of their copies.

    Raises TransientError where another job has changed a duplicate since it was found.
    """
    schema = faces_schema(width)
    wanted: dict[str, dict[str, list[tuple[Photo, Duplicate]]]] = {}
    for photo, duplicate in copies:
        if photo.faces:
            by_key = wanted.setdefault(duplicate.collection, {})
            by_key.setdefault(duplicate.photo.key, []).append((photo, duplicate))
    parts = [
        _relabelled(rows, by_key, collection, spec)
        for source, by_key in sorted(wanted.items())
        for rows in _rows(table, schema, source, by_key)
    ]
    return pa.concat_tables([schema.empty_table(), *parts]).cast(schema)


def _rows(
    table: Table,
    schema: pa.Schema,
    collection: str,
    by_key: Mapping[str, list[tuple[Photo, Duplicate]]],
) -> Iterator[pa.Table]:
    for part in parts(sorted(by_key)):
        where = f"{in_collection(collection)} AND {any_of('photo', part)}"
        rows = table.read(schema.names, where=where)
        found = Counter(zip(*(rows[c].to_pylist() for c in ("photo", "job_id")), strict=True))
        for key in part:
            duplicate = by_key[key][0][1]
            if found.pop((key, duplicate.job_id), 0) != duplicate.photo.faces:
                raise TransientError(f"another job has changed {key} of the archive meanwhile")
        if found:
            raise TransientError(f"another job changes {min(found)[0]} of the archive meanwhile")
        yield rows


def _relabelled(
    rows: pa.Table,
    by_key: Mapping[str, list[tuple[Photo, Duplicate]]],
    collection: str,
    spec: JobSpec,
) -> pa.Table:
    pairs = [(n, p.key) for n, key in enumerate(rows["photo"].to_pylist()) for p, _ in by_key[key]]
    taken = rows.take([n for n, _ in pairs])
    labels = {
        "collection": [collection] * len(pairs),
        "job_id": [spec.job_id] * len(pairs),
        "photo": [key for _, key in pairs],
    }
    for name, values in labels.items():
        column = pa.array(values, pa.string())
        taken = taken.set_column(taken.schema.get_field_index(name), name, column)
    return taken
