"""An archive as a shard's embedding goes by it: copies, forgotten people, faces drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from headcount.answers.drawn import DrawnFace, HandDrawn
from headcount.answers.drawn_rows import FACE_COLUMNS, PhotoFrame, PhotoKey, boxes_of, out_of_date
from headcount.answers.kept import read_answers
from headcount.contract.forgotten import Place, forgotten_people, forgotten_places
from headcount.contract.frames import Box4, Frame
from headcount.contract.stored.jobs import ShardManifest
from headcount.contract.vocabulary import Photo
from headcount.settings import ProfileName
from headcount.tables.by_photo import read_by_photo
from workers.runtime.unit import Unit
from workers.stages.duplicates import Duplicate, find_duplicates
from workers.stages.job_tables import job_tables


@dataclass(frozen=True, slots=True)
class Known:
    """The archive's photos, forgotten places and places drawn by hand, before a shard is begun.

    ``people`` are the ids of everybody who was forgotten, ``profile`` is how hard the shard's
    photos are searched.
    """

    duplicates: Mapping[str, Duplicate]
    forgotten: Mapping[str, list[Place]]
    people: frozenset[str]
    drawn: HandDrawn
    profile: ProfileName

    def to_add(self, content: str, frame: Frame, found: Sequence[Box4]) -> list[DrawnFace]:
        """The faces of a photo that were drawn by hand and not found."""
        gone = boxes_of(self.forgotten.get(content, ()), frame)
        return self.drawn.to_add(content, frame, found, gone)

    def note(self, content: str, frame: Frame) -> str | None:
        """The faces drawn where the photo is not, in words; None without."""
        outside = self.drawn.outside(content, frame)
        return f"faces drawn by hand outside the photo: {outside}" if outside else None


def read_known(unit: Unit, manifest: ShardManifest) -> Known:
    """The archive before the shard is begun."""
    drawn = HandDrawn.of(read_answers(unit.store))
    profile = manifest.profile or unit.spec.profile
    return Known(
        _duplicates(unit, manifest, profile, drawn),
        forgotten_places(unit.store),
        forgotten_people(unit.store),
        drawn,
        profile,
    )


def _duplicates(
    unit: Unit, manifest: ShardManifest, profile: ProfileName, drawn: HandDrawn
) -> dict[str, Duplicate]:
    """The archive's photos by content; none where a shard is done again: they may change then.

    Photos whose rows lack a face drawn by hand, or have one too many, are not copied.
    """
    if unit.attempt > 1:
        return {}
    tables = job_tables(unit)
    found = find_duplicates(tables.photos, manifest.photos, profile, reread=manifest.reread)
    photos = {_key(one): PhotoFrame(content, _frame(one.photo)) for content, one in found.items()}
    faces = partial(read_by_photo, tables.faces, FACE_COLUMNS)
    old = out_of_date(unit.store, faces, tables.keys.pack_id, drawn, photos)
    return {content: one for content, one in found.items() if _key(one) not in old}


def _key(duplicate: Duplicate) -> PhotoKey:
    return duplicate.collection, duplicate.photo.key


def _frame(photo: Photo) -> Frame:
    return Frame(photo.width, photo.height, photo.orientation)
