"""Known photos to embed again: a face in them was drawn by hand, or is drawn no more.

A job plans them beside what is new, as photos that are read anew. They are searched as hard as they
were, so that their other faces stay. A retry is about what failed, and a first look about a sample:
neither takes any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from headcount.answers.drawn import HandDrawn
from headcount.answers.drawn_rows import FACE_COLUMNS, PhotoFrame, out_of_date
from headcount.answers.kept import read_answers
from headcount.collections.photos import collection_id
from headcount.contract.frames import Frame
from headcount.contract.layout import PackKeys
from headcount.contract.reading import FIRST
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import PROCESSED
from headcount.s3_settings import S3Settings
from headcount.settings import ProfileName
from headcount.storage import ObjectInfo, Store
from headcount.tables.by_photo import read_by_photo
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.table import Table
from orchestrator.jobs.compare import Known, Settled
from orchestrator.jobs.reread import can_follow, reading_of

_COLUMNS = ("photo", "etag", "bytes", "profile", "reading", "content", *Frame._fields)


@dataclass(frozen=True, slots=True)
class PendingPhoto:
    """A photo to embed again, and how hard it is searched: as it was before."""

    info: ObjectInfo
    profile: ProfileName


def pending_photos(
    store: Store, spec: JobSpec, s3: S3Settings, pack_id: str | None
) -> dict[str, PendingPhoto]:
    """The photos of a job's collection whose rows are not what faces drawn by hand ask for, by key.

    Only those that were processed: with others nothing can be done before they are read. Photos of
    an older reading are left to a later job where nobody could follow their faces.
    """
    if pack_id is None or spec.photos is None or spec.retries or spec.first:
        return {}
    drawn = HandDrawn.of(read_answers(store))
    keys = PackKeys(pack_id)
    photos, faces = (Table(store.uri, key, s3) for key in (keys.photos, keys.faces))
    if not drawn.contents or not (photos.exists() and faces.exists()):
        return {}
    collection = collection_id(spec.photos)
    processed = _processed(photos, collection, drawn.contents)
    rows = {(collection, row["photo"]): row for row in processed}
    frames = {key: PhotoFrame(row["content"], Frame.of(row)) for key, row in rows.items()}
    read = partial(read_by_photo, faces, FACE_COLUMNS)
    old = [rows[key] for key in sorted(out_of_date(store, read, pack_id, drawn, frames))]
    newest, follow = reading_of(store, spec), can_follow(store, spec, pack_id)
    return {
        row["photo"]: PendingPhoto(
            ObjectInfo(row["photo"], row["etag"], row["bytes"]), row["profile"]
        )
        for row in old
        if follow or (row["reading"] or FIRST) >= newest
    }


def _processed(photos: Table, collection: str, contents: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a collection's photos of these contents that need not be searched again."""
    looked_at = f"{any_of('outcome', sorted(PROCESSED))} AND profile != ''"
    for part in parts(sorted(contents)):
        where = f"{in_collection(collection)} AND {any_of('content', part)} AND {looked_at}"
        yield from photos.read(_COLUMNS, where=where).to_pylist()


@dataclass(slots=True)
class Redrawing:
    """The pending photos of a job, picked from those that need not be searched again otherwise.

    They are ``found`` in the order of their keys. All others are offered to ``otherwise``.
    """

    pending: Mapping[str, PendingPhoto]
    otherwise: Settled
    found: list[PendingPhoto] = field(default_factory=list)

    def offer(self, known: Known) -> None:
        """Take the photo if it is pending, as it is listed."""
        if pending := self.pending.get(known.info.key):
            self.found.append(replace(pending, info=known.info))
        else:
            self.otherwise(known)
