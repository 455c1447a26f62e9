"""People of an index: found by what is typed of a name, and one with all faces."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np

from workers.web.describe import Json, View

SCANNED = 20_000
"""Faces of one person that are ranked by likeness, at most."""


def find_people(view: View, wanted: str, limit: int) -> list[Json]:
    """People whose names have words that begin as those wanted do, those with most faces first."""
    words = plain(wanted).split()
    found = [person for person, name in view.names.items() if _is_like(plain(name), words)]
    first = words[0] if words else ""

    def rank(person: str) -> tuple[bool, int, str]:
        name = plain(view.names[person])
        return not name.startswith(first), -len(view.shown.rows_of_person(person)), name

    return [view.person(person) for person in sorted(found, key=rank)[:limit]]


@lru_cache(1 << 17)
def plain(name: str) -> str:
    """A name without case and accents."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _is_like(name: str, words: list[str]) -> bool:
    parts = name.split()
    return all(any(part.startswith(word) for part in parts) for word in words)


def described_person(view: View, person_id: str, offset: int, limit: int) -> Json | None:
    """A person with faces, the least similar first; None where nobody has this id."""
    person_id = view.index.renames.now(person_id, None)[0]
    rows = view.shown.rows_of_person(person_id)
    if person_id not in view.names:
        return None
    cosines = np.array(view.similarities(rows[:SCANNED], person_id), float)  # None: not a number
    order = np.argsort(cosines, kind="stable")  # what is not a number comes last
    chosen = order[offset : offset + limit]
    values = [None if np.isnan(cosines[n]) else float(cosines[n]) for n in chosen]
    return {
        "person": view.person(person_id),
        "faces": view.faces(rows[chosen], values),
        "total": len(rows),
        "references": view.shown_references(person_id, 60),
    }
