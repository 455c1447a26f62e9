"""Who was where, when and with whom: people by folder, by date, and in pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract import results
from workers.tables.columns import (
    Numbers,
    factorize_sorted,
    index_of,
    one_array,
    take_or_null,
)

PAIRS = 1_000_000
"""Rows of `together`, at most: the most frequent pairs. A sheet of a workbook has no more."""
AT_ONCE = 4_000_000
"""Pairs of people in photos that are counted at once, about: 64 MB."""


def people_by_folder(faces: pa.Table) -> pa.Table:
    """One row per folder and person, in the order of folders and names."""
    folders = pc.replace_substring_regex(faces["photo"], r"[^/]*$", "")
    return _counted(faces, "folder", folders).cast(results.PEOPLE_BY_FOLDER)


def people_by_date(faces: pa.Table, taken: pa.Table) -> pa.Table:
    """One row per date and person, undated photos last; ``taken`` has `photo` and `taken`."""
    at = index_of(faces["photo"], taken["photo"])
    days = pc.strftime(taken["taken"], format="%Y-%m-%d").cast(pa.string())
    return _counted(faces, "date", take_or_null(days, at)).cast(results.PEOPLE_BY_DATE)


def _counted(faces: pa.Table, name: str, groups: pa.ChunkedArray | pa.Array) -> pa.Table:
    """Photos and faces of each named person in each group."""
    table = faces.select(["person_id", "person", "photo"]).append_column(name, groups)
    table = table.filter(pc.is_valid(table["person_id"]))
    wanted = [("photo", "count_distinct"), ("photo", "count")]
    found = table.group_by([name, "person_id", "person"]).aggregate(wanted)
    found = found.select([name, "person_id", "person", "photo_count_distinct", "photo_count"])
    found = found.rename_columns([name, "person_id", "person", "photos", "faces"])
    return found.sort_by([(key, "ascending") for key in (name, "person", "person_id")])


def together(faces: pa.Table) -> pa.Table:
    """One row per pair of people who share a photo, the most frequent first; PAIRS at most.

    Pairs are counted exactly, some people at a time, so that memory is bounded.
    """
    named = faces.select(["photo", "person_id", "person"])
    named = named.filter(pc.is_valid(named["person_id"]))
    person, ids = factorize_sorted(named["person_id"])
    names = one_array(named["person"]).take(pa.array(np.unique(person, return_index=True)[1]))
    photo, _ = factorize_sorted(named["photo"])
    entries = np.unique(photo * max(len(ids), 1) + person)  # a person once in a photo
    found = _most_frequent(_pair_counts(entries // max(len(ids), 1), entries % max(len(ids), 1)))
    first, second, photos = found
    columns = {
        "person_id": ids.take(pa.array(first)),
        "person": names.take(pa.array(first)),
        "other_id": ids.take(pa.array(second)),
        "other": names.take(pa.array(second)),
        "photos": pa.array(photos, pa.int32()),
    }
    return pa.table(columns, schema=results.TOGETHER)


Pairs = tuple[Numbers, Numbers, Numbers]
"""The number of one person, that of the other, and of their photos: as long each."""


def _most_frequent(parts: Iterator[Pairs]) -> Pairs:
    """The PAIRS most frequent pairs of all parts, the most frequent first."""
    kept: Pairs = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    for part in parts:
        first, second, photos = (np.concatenate(two) for two in zip(kept, part, strict=True))
        order = np.lexsort((second, first, -photos))[:PAIRS]
        kept = first[order], second[order], photos[order]
    return kept


def _pair_counts(photo: Numbers, person: Numbers) -> Iterator[Pairs]:
    """The pairs of entries of the same photo with their counts, some first people at a time.

    The entries are sorted by photo, then person, without repetition.
    """
    ends = np.searchsorted(photo, photo, side="right")
    followers = ends - np.arange(len(photo)) - 1
    for chosen in _people_at_a_time(person, followers):
        repeats = followers[chosen]
        first = np.repeat(person[chosen], repeats)
        nth = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        second = person[np.repeat(chosen, repeats) + 1 + nth]
        span = int(person.max()) + 1
        codes, photos = np.unique(first * span + second, return_counts=True)
        yield codes // span, codes % span, photos.astype(np.int64)


def _people_at_a_time(person: Numbers, followers: Numbers) -> Iterator[NDArray[np.int64]]:
    """The entries of some people after others, with about AT_ONCE pairs each."""
    if not len(person):
        return
    of_person = np.bincount(person, followers)
    group = (np.cumsum(of_person) - of_person) // AT_ONCE
    order = np.argsort(group[person], kind="stable")
    cuts = np.flatnonzero(np.diff(group[person][order])) + 1
    yield from np.split(order, cuts)
