"""Photos and reference photos among the objects of a collection."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from headcount.contract.vocabulary import person_name
from headcount.storage.base import ObjectInfo

PHOTO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif"),
        *("heic", "heif", "hif", "avif", "apng"),
        *("cr2", "cr3", "nef", "nrw", "arw", "dng", "raf", "orf", "rw2", "pef", "srw"),
    )
)
"""Suffixes, in lower case, of the image formats that headcount reads."""


def is_photo(key: str) -> bool:
    """Whether an object counts as a photo by its suffix; hidden files do not."""
    path = PurePosixPath(key)
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def collection_id(uri: str) -> str:
    """The short id under which the archive knows the collection at ``uri`` (canonical)."""
    return "c" + hashlib.sha256(uri.encode()).hexdigest()[:15]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference photo and the person it shows."""

    person: str
    photo: ObjectInfo


def references_in(objects: Iterable[ObjectInfo]) -> Iterator[Reference]:
    """The references among the objects of a people folder.

    One folder per person, named as the person, photos at any depth below it; or, at the top,
    one photo per person named ``NAME.jpg``.
    """
    for info in objects:
        if not is_photo(info.key):
            continue
        parts = PurePosixPath(info.key).parts
        person = parts[0] if len(parts) > 1 else PurePosixPath(info.key).stem
        if person.strip() and not person.startswith("."):
            yield Reference(person_name(person), info)
