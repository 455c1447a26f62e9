"""Names that look like one another: by case, accents, one letter, or the order of their words."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

MOST = 1000
"""Pairs that are told, at most."""
FOLDED = 1 << 17
"""Names whose plain form is kept: who answers a page is asked about the same ones at each act."""
COMPARED = 50
"""Names with one neighbour in common that a name is compared with, at most."""


def similar_names(new: Iterable[str], known: Collection[str] = ()) -> list[tuple[str, str]]:
    """Pairs of a new name and another, new or known, that look alike; sorted, MOST at most.

    Each new name is put at itself and at what it is without any one letter: names that differ by a
    letter share such a place. A digit is no letter here: guest 1 and guest 2 are two people.
    """
    fresh = sorted(set(new) - set(known))
    places: defaultdict[str, list[str]] = defaultdict(list)
    found: set[tuple[str, str]] = set()
    for name in fresh:
        found |= _alike(name, places)
        for place in set(_places(name)):
            if len(places[place]) < COMPARED:
                places[place].append(name)
        if len(found) >= MOST:
            return sorted(found)[:MOST]
    lengths = {len(folded(name)) + more for name in fresh for more in (-1, 0, 1)}
    near = (name for name in set(known) if len(folded(name)) in lengths) if fresh else ()
    for name in sorted(near):
        found |= {(other, name) for other, _ in _alike(name, places, reverse=True)}
        if len(found) >= MOST:
            break
    return sorted(found)[:MOST]


def _alike(
    name: str, places: dict[str, list[str]], *, reverse: bool = False
) -> set[tuple[str, str]]:
    others = {other for place in _places(name) for other in places.get(place, ())}
    alike = {other for other in others if _look_alike(folded(name), folded(other))}
    return {(other, name) if reverse else (name, other) for other in alike if other != name}


@lru_cache(FOLDED)
def folded(name: str) -> str:
    """A name without case, accents, points and blanks between its words."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in bare).split()) or bare


def _places(name: str) -> Iterator[str]:
    plain = folded(name)
    yield plain
    yield _ordered(plain)
    for at, letter in enumerate(plain):
        if not letter.isdigit():
            yield plain[:at] + plain[at + 1 :]


def _ordered(plain: str) -> str:
    return "\0" + " ".join(sorted(plain.split()))


def _look_alike(one: str, other: str) -> bool:
    return _ordered(one) == _ordered(other) or _one_letter(one, other)


def _one_letter(one: str, other: str) -> bool:
    """Whether two texts differ by one letter: another, one more, or two that changed places."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[start:] == other[start + 1 :] and not _digits(other[start])
    if one[start + 1 :] == other[start + 1 :]:
        return not _digits(one[start : start + 1] + other[start : start + 1])
    swapped = one[:start] + one[start : start + 2][::-1] + one[start + 2 :]
    return swapped == other and not _digits(one[start : start + 2])


def _digits(text: str) -> bool:
    return any(letter.isdigit() for letter in text)
