"""Selection: the photos of a collection among its objects, and counts of what is left out.

What a person says wins over what headcount assumes: `--include`, then `--exclude`, then the
collection's ``.headcountignore``, then the rules about leftovers and headcount's own results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from headcount.collections.leftovers import EXCLUDED, IGNORE_FILE, RESULTS, leftover_rule
from headcount.collections.own_results import OwnResults
from headcount.collections.patterns import Patterns, read_ignore_file
from headcount.collections.places import is_container
from headcount.collections.suffixes import is_other_image, is_photo, suffix_of
from headcount.storage.base import ObjectInfo, Reader


@dataclass(slots=True)
class LeftOut:
    """Counts of the objects of a collection that are no photos of it."""

    others: int = 0
    """Objects that are no photos by their suffix."""
    containers: int = 0
    """Those of them that are tar or ZIP files."""
    suffixes: Counter[str] = field(default_factory=Counter)
    """Those of them that are images of a kind that is not read, by suffix without its dot."""
    by_rule: Counter[str] = field(default_factory=Counter)
    """Photos, and images of other kinds, that a rule leaves out."""


class Selection:
    """The choice of photos among the objects of a collection.

    ``counts`` says whether an object counts as a photo by its suffix or kind. Keys that begin with
    one of ``never`` are this run's own, and nothing lets them in. A ``listed`` collection is a list
    of photos: a person chose them, and only ``include`` and ``exclude`` apply.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        counts: Callable[[str], bool] = is_photo,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        never: tuple[str, ...] = (),
        listed: bool = False,
    ) -> None:
        self._reader = reader
        self._counts = counts
        self._include = Patterns.of_options(include)
        self._exclude = Patterns.of_options(exclude)
        self._never = never
        self._listed = listed
        self._ignore: Patterns | None = None
        self._own = OwnResults(reader)

    def photos(self, left_out: LeftOut) -> Iterator[ObjectInfo]:
        """Yield the photos in the order of their keys; count all other objects in ``left_out``."""
        self._ignore = None if self._listed else read_ignore_file(self._reader)
        for info in self._reader.list():
            if self._takes(info.key, left_out):
                yield info

    def _takes(self, key: str, left_out: LeftOut) -> bool:
        counts = self._counts(key)
        if self._never and key.startswith(self._never):
            left_out.by_rule.update([RESULTS] if is_photo(key) else [])
            return False
        other = not counts and is_other_image(key)
        rule = self._rule(key) if counts or other else None
        if rule is not None:
            left_out.by_rule[rule] += 1
            return False
        if not counts:
            left_out.others += 1
            left_out.containers += is_container(key)
        if other:
            left_out.suffixes[suffix_of(key)[1:]] += 1
        return counts

    def _rule(self, key: str) -> str | None:
        """The rule by which a key is left out: of several, that about leftovers is told."""
        if self._include.says(key):
            return None
        ignored = self._ignore.says(key) if self._ignore else None
        assumed = not self._listed and ignored is not False
        if assumed and (leftover := leftover_rule(key)):
            return leftover
        if self._exclude.says(key):
            return EXCLUDED
        if ignored:
            return IGNORE_FILE
        return self._own.rule(key) if assumed else None
