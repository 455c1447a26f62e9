"""Names of a roster that nearly are enrolled ones, each with the one that may be meant."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

from headcount.contract.vocabulary import person_name

MAX_EDITS = 2
"""Letters that may be missing, added or wrong in a name."""
SHORT = 5
"""Letters of a name, at most, in which one edit is the most that is forgiven."""
LEAST = 3
"""Letters of a name, at least, for edits to be forgiven: any two names of two are near."""
MAX_LOOKED_UP = 2_000
"""Names whose edits are looked for, at most: each takes some milliseconds among 100,000 people,
and a file with more unknown names than that is another archive's."""

_LETTERS = str.maketrans(
    {"\u0142": "l", "\u00f8": "o", "\u0111": "d", "\u00e6": "ae", "\u0153": "oe"}
)
"""Letters that Unicode does not take apart: l with a stroke, o with a stroke, and their like."""
_PIECES = MAX_EDITS + 1
"""Of so many pieces of a name one at least is untouched by MAX_EDITS edits."""


def hints(names: Iterable[str], enrolled: Iterable[str]) -> dict[str, str]:
    """The enrolled name that is nearly each of the names; names without one are left out.

    The nearest kind wins: another case, other accents, first and last name swapped, then one or
    MAX_EDITS letters, which the first MAX_LOOKED_UP names are tried for. Enrolled names get none.
    """
    known = sorted({person_name(name) for name in enrolled})
    passed = {*known, ""}
    unknown = [name for name in dict.fromkeys(map(person_name, names)) if name not in passed]
    if not unknown:
        return {}
    ways = (str.casefold, unaccented, sorted_words)
    alike = [{way(name): name for name in reversed(known)} for way in ways]
    index, looked_up, found = _Index(known), 0, {}
    for name in unknown:
        same = (alike[n].get(way(name)) for n, way in enumerate(ways))
        hint = next((other for other in same if other), None)
        if hint is None and looked_up < MAX_LOOKED_UP:
            hint, looked_up = index.nearest(name), looked_up + 1
        if hint:
            found[name] = hint
    return found


def unaccented(name: str) -> str:
    """A name without case, accents and the zeros before a number."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS)
    return plain.removesuffix(".0").lstrip("0") if plain.removesuffix(".0").isdecimal() else plain


def sorted_words(name: str) -> str:
    """The words of a name in order, so that ``Lovelace, Ada`` is ``Ada Lovelace``."""
    letters = "".join(c if c.isalnum() else " " for c in unaccented(name))
    return " ".join(sorted(letters.split()))


def edits(one: str, other: str, most: int) -> int:
    """Letters to put in, take out or change to make one text of the other; ``most`` + 1 if more.

    Levenshtein's distance, two neighbouring letters that changed places counting as one.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for n, letter in enumerate(one, 1):
        before, last, row = row, before, [n]
        for m, opposite in enumerate(other, 1):
            cost = min(before[m] + 1, row[m - 1] + 1, before[m - 1] + (letter != opposite))
            if n > 1 and m > 1 and letter == other[m - 2] and one[n - 2] == opposite:
                cost = min(cost, last[m - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


class _Index:
    """Names by their pieces, so that those within MAX_EDITS are found without trying all."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: defaultdict[tuple[int, int, str], list[tuple[str, str]]] = defaultdict(list)
        for name in names:
            text = unaccented(name)
            for number, start, end in _pieces(len(text)):
                self._names[len(text), number, text[start:end]].append((text, name))

    def nearest(self, name: str) -> str | None:
        """The name with the fewest edits; of several the first."""
        text = unaccented(name)
        most = 0 if len(text) < LEAST else 1 if len(text) <= SHORT else MAX_EDITS
        best = min(
            ((edits(text, other, most), whole) for other, whole in self._near(text, most)),
            default=(most + 1, ""),
        )
        return best[1] if best[0] <= most else None

    def _near(self, text: str, most: int) -> Iterator[tuple[str, str]]:
        """The names that share a piece with the text, about where it stands in them."""
        tried: set[str] = set()
        for length in range(len(text) - most, len(text) + most + 1):
            for number, start, end in _pieces(length):
                for at in range(max(start - most, 0), start + most + 1):
                    piece = text[at : at + end - start]
                    for other, name in self._names.get((length, number, piece), ()):
                        if name not in tried:
                            tried.add(name)
                            yield other, name


def _pieces(length: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the pieces of a text of a length."""
    for number in range(_PIECES):
        yield number, length * number // _PIECES, length * (number + 1) // _PIECES
