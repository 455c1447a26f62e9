"""Ids of collections, and the reference photos of a people folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from headcount.collections.selection import LeftOut, Selection
from headcount.contract.vocabulary import person_name
from headcount.storage.base import ObjectInfo, Reader


def collection_id(uri: str) -> str:
    """The short id under which the archive knows the collection at ``uri`` (canonical)."""
    return "c" + hashlib.sha256(uri.encode()).hexdigest()[:15]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference photo and the person it shows."""

    person: str
    photo: ObjectInfo


def references_in(people: Reader, left_out: LeftOut | None = None) -> Iterator[Reference]:
    """The references in a people folder; other objects are counted in ``left_out``.

    One folder per person, named as the person, photos at any depth below it; or, at the top,
    one photo per person named ``NAME.jpg``. Leftovers of other programs are no people, unless
    the folder's ``.headcountignore`` lets them in.
    """
    for info in Selection(people).photos(LeftOut() if left_out is None else left_out):
        parts = PurePosixPath(info.key).parts
        person = parts[0] if len(parts) > 1 else PurePosixPath(info.key).stem
        if person.strip():
            yield Reference(person_name(person), info)
