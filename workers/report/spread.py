"""Photos of every person, spread over folders and dates, in a bounded number of photos. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

import numpy as np
import pyarrow as pa

from workers.tables.columns import Numbers, factorize

EACH = 2
"""Photos of every person, at least, where there is room."""
CANDIDATES = 8
"""Photos of a person that are looked at: the best of each folder in turn."""

Candidates = Mapping[str, tuple[str, ...]]
"""Some photos of each person, the first ones of different folders."""


def folder_of(photo: str) -> str:
    """The folder of a photo's key; empty at the top."""
    return photo.rpartition("/")[0]


def candidates(named: pa.Table) -> dict[str, tuple[str, ...]]:
    """CANDIDATES photos of each person: the best of each folder, then the next best of each.

    ``named`` has `photo`, `person_id` and `quality` of the faces with a name.
    """
    if not named.num_rows:
        return {}
    person, people = factorize(named["person_id"])
    photo, photos = factorize(named["photo"])
    folder = factorize(pa.array([folder_of(key) for key in photos.to_pylist()]))[0][photo]
    best = np.lexsort((photo, -named["quality"].to_numpy(), folder, person))
    place = _place_within(person[best], folder[best])
    order = best[np.lexsort((folder[best], place, person[best]))]
    order = order[_first_of_pairs(person[order], photo[order])]
    order = order[_place_within(person[order]) < CANDIDATES]
    found: defaultdict[str, list[str]] = defaultdict(list)
    names, keys = people.to_pylist(), photos.to_pylist()
    for who, key in zip(person[order].tolist(), photo[order].tolist(), strict=True):
        found[names[who]].append(keys[key])
    return {who: tuple(some) for who, some in found.items()}


def _place_within(*groups: Numbers) -> Numbers:
    """The place of each row within its group; rows of a group stand together."""
    starts = np.zeros(len(groups[0]), bool)
    starts[:1] = True
    for group in groups:
        starts[1:] |= group[1:] != group[:-1]
    rows = np.arange(len(starts))
    return np.asarray(rows - rows[starts][np.cumsum(starts) - 1], np.int64)


def _first_of_pairs(one: Numbers, other: Numbers) -> Numbers:
    """The rows, in order, that are the first with their pair of numbers."""
    keys = one * (int(other.max()) + 1) + other
    return np.sort(np.unique(keys, return_index=True)[1])


def spread(
    people: Candidates,
    taken: Mapping[str, datetime],
    limit: int,
    shown: Iterable[str] = (),
) -> list[str]:
    """Choose photos until every person has EACH, at most ``limit``.

    Those that are ``shown`` already count. Whoever has the fewest photos comes first. Of a person's
    photos one of a new folder is taken, then the one that is furthest in time from those taken, in
    the folder that has the fewest chosen photos.
    """
    among = _people_in(people)
    have: defaultdict[str, list[str]] = defaultdict(list)
    used, chosen = Counter[str](), dict[str, None]()
    for photo in shown:
        _take(photo, among, have, used)
    everybody = sorted(people, key=lambda who: (len(people[who]), people[who]))
    for wanted in range(1, EACH + 1):
        for who in everybody:
            if len(chosen) >= limit:
                return list(chosen)
            left = [photo for photo in people[who] if photo not in have[who]]
            if len(have[who]) >= wanted or not left:
                continue
            best = max(left, key=_worth(have[who], taken, used, left))
            chosen[best] = None
            _take(best, among, have, used)
    return list(chosen)


def _people_in(people: Candidates) -> dict[str, list[str]]:
    among: defaultdict[str, list[str]] = defaultdict(list)
    for who, photos in people.items():
        for photo in photos:
            among[photo].append(who)
    return among


def _take(
    photo: str,
    among: Mapping[str, Collection[str]],
    have: Mapping[str, list[str]],
    used: Counter[str],
) -> None:
    """Count a photo for everybody in it, and for its folder."""
    used[folder_of(photo)] += 1
    for who in among.get(photo, ()):
        have[who].append(photo)


def _worth(
    have: Collection[str],
    taken: Mapping[str, datetime],
    used: Mapping[str, int],
    order: list[str],
) -> Callable[[str], tuple[bool, float, int, int]]:
    """Key of a further photo of a person who has these: the greatest is the best."""
    folders = {folder_of(photo) for photo in have}
    times = [taken[photo] for photo in have if photo in taken]

    def key(photo: str) -> tuple[bool, float, int, int]:
        folder, at = folder_of(photo), taken.get(photo)
        apart = min((abs((at - time).days) for time in times), default=0) if at else 0
        return folder not in folders, float(apart), -used[folder], -order.index(photo)

    return key
