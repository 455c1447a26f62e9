"""Comparison of a listing with what the archive knows: a merge of two streams in key order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from headcount.contract.reading import FIRST
from headcount.contract.vocabulary import Outcome
from headcount.settings import PROFILES, ProfileName
from headcount.storage import ObjectInfo


class State(StrEnum):
    """State of a photo relative to the archive."""

    NEW = "new"
    CHANGED = "changed"
    KNOWN = "known"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Known:
    """A photo as the archive has it."""

    info: ObjectInfo
    outcome: Outcome
    profile: ProfileName | Literal[""] = "balanced"
    """Profile it was searched with; empty: it must be searched again."""
    reading: int = FIRST

    def settles(self, info: ObjectInfo, profile: ProfileName) -> bool:
        """Whether it need not be searched again: same object, thorough enough, final outcome."""
        if not self.profile:
            return False
        searched = PROFILES.index(self.profile) >= PROFILES.index(profile)
        return self.info == info and searched and not self.outcome.may_change


Settled = Callable[[Known], object]
"""Is told of each photo that need not be searched again."""


def ignore(known: Known) -> None:
    """Do nothing with a photo that need not be searched again."""


def compare(
    listing: Iterable[ObjectInfo],
    known: Iterable[Known],
    profile: ProfileName,
    settled: Settled = ignore,
) -> Iterator[tuple[State, ObjectInfo]]:
    """Merge a listing with the archive's photos, both in key order; yield each photo's state.

    A photo that was searched less thoroughly than with ``profile`` counts as changed.
    """
    old = iter(known)
    have = next(old, None)
    for info in listing:
        while have is not None and have.info.key < info.key:
            yield State.REMOVED, have.info
            have = next(old, None)
        if have is None or have.info.key > info.key:
            yield State.NEW, info
            continue
        same = have.settles(info, profile)
        if same:
            settled(replace(have, info=info))  # which knows what a list says of it
        yield (State.KNOWN if same else State.CHANGED), info
        have = next(old, None)
    while have is not None:
        yield State.REMOVED, have.info
        have = next(old, None)
