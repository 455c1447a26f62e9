"""Identities that stay: ids of clusters over runs, what became of them, names that are lent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.2
"""A cluster lends a name where at least this share of its faces was matched to it: of a person
who is enrolled most faces are matched, and one false match must not name a crowd."""


def name_clusters(
    labels: NDArray[np.int32], face_ids: Sequence[str], earlier: Mapping[str, str]
) -> list[str]:
    """The id of each face's cluster. ``earlier`` maps face ids to the ids of the last run.

    A cluster keeps the id that most of its faces had; of two that claim one id the one with
    more such faces has it. A new cluster is named after its first face id, so that the same
    faces are named alike whatever their order. An id that belonged to another cluster of the
    last run is never given to a new one.
    """
    votes = Counter(
        (int(label), earlier[face])
        for label, face in zip(labels, face_ids, strict=True)
        if face in earlier
    )
    names: dict[int, str] = {}
    taken: set[str] = set()
    for (label, old), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0][1], vote[0])):
        if label not in names and old not in taken:
            names[label] = old
            taken.add(old)
    taken |= set(earlier.values())
    firsts: dict[int, str] = {}
    for label, face in zip(labels, face_ids, strict=True):
        firsts[int(label)] = min(face, firsts.get(int(label), face))
    for label, face in sorted(firsts.items(), key=lambda item: item[1]):
        if label not in names:
            names[label] = _unused("k" + face[1:13], taken)
            taken.add(names[label])
    return [names[int(label)] for label in labels]


def _unused(name: str, taken: set[str]) -> str:
    """``name``, or with a number where a cluster of an earlier run carries it already."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a cluster: a row of the lineage.

    ``created``, ``lost``; ``split``: a new cluster of faces of an earlier one; ``absorbed``: an
    earlier cluster is no more, and most of its faces are in this one; ``moved``: some faces went
    from one cluster to another; ``renamed``: another person. ``faces`` are those concerned.
    """

    change: str
    cluster_id: str | None
    earlier_id: str | None
    faces: int
    person_id: str | None = None
    earlier_person_id: str | None = None

    def row(self, job_id: str) -> dict[str, Any]:
        """As a row of the lineage table."""
        return {"job_id": job_id, **{name: getattr(self, name) for name in self.__slots__}}


def changes(
    before: Mapping[str, str],
    after: Mapping[str, str],
    named_before: Mapping[str, str],
    named_after: Mapping[str, str],
) -> list[Change]:
    """Every difference of two partitions: cluster ids by face, and people's ids by cluster.

    Faces that went from one cluster to another are in exactly one row.
    """
    went = Counter((before[face], after[face]) for face in before.keys() & after.keys())
    old_sizes, new_sizes = Counter(before.values()), Counter(after.values())
    heirs, parents = _largest(went, 0), _largest(went, 1)
    found = []
    for (old, new), faces in sorted(went.items()):
        if old == new:
            continue
        if old not in new_sizes and heirs[old] == new:
            change = "absorbed"
        elif new not in old_sizes and parents[new] == old:
            change = "split"
        else:
            change = "moved"
        found.append(Change(change, new, old, faces))
    found += [
        Change("created", new, None, new_sizes[new], named_after.get(new))
        for new in sorted(new_sizes.keys() - old_sizes.keys() - parents.keys())
    ]
    found += [
        Change("lost", None, old, old_sizes[old], None, named_before.get(old))
        for old in sorted(old_sizes.keys() - new_sizes.keys() - heirs.keys())
    ]
    for same in sorted(old_sizes.keys() & new_sizes.keys()):
        one, other = named_before.get(same), named_after.get(same)
        if one != other:
            found.append(Change("renamed", same, same, new_sizes[same], other, one))
    return found


def _largest(went: Mapping[tuple[str, str], int], side: int) -> dict[str, str]:
    """Of each cluster of one side the cluster of the other with which it shares most faces."""
    best: dict[str, str] = {}
    for pair, _ in sorted(went.items(), key=lambda item: (-item[1], item[0])):
        best.setdefault(pair[side], pair[1 - side])
    return best


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of N faces before names are lent; lists of length N.

    ``clusters`` holds cluster ids, None where a face is in none; ``matched`` the ids of matched
    people; ``alike`` the id of the person a face is alike enough to by itself, matched or not.
    """

    faces: Sequence[str]
    photos: Sequence[str]
    clusters: Sequence[str | None]
    matched: Sequence[str | None]
    alike: Sequence[str | None]
    quality: Sequence[float]


@dataclass(frozen=True, slots=True)
class Naming:
    """Who a cluster is: the person of its matched faces, and how many of its faces those are."""

    person_id: str
    matched: int
    faces: int

    @property
    def evidence(self) -> str:
        """Why the other faces of the cluster bear this name, in words."""
        return f"{self.matched} of {self.faces} faces of the cluster matched"


def cluster_names(seen: Seen) -> dict[str, Naming]:
    """The clusters that are somebody: their matches are of one person, and not too few."""
    sizes: Counter[str] = Counter()
    people: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for cluster, person in zip(seen.clusters, seen.matched, strict=True):
        if cluster is not None:
            sizes[cluster] += 1
            if person is not None:
                people[cluster][person] += 1
    return {
        cluster: Naming(person, count, sizes[cluster])
        for cluster, counts in sorted(people.items())
        for person, count in counts.items()
        if len(counts) == 1 and count >= LEAST_SHARE * sizes[cluster]
    }


def lend_names(
    seen: Seen, names: Mapping[str, Naming], rejected: Collection[tuple[str, str]]
) -> dict[int, Naming]:
    """The faces, by position, that are given their cluster's name.

    Never a face that is matched, is alike enough to somebody else, or was rejected for that
    person; never two faces of one photo for one person: the best matched one has it, then the
    one of best quality.
    """
    present = {(p, m) for p, m in zip(seen.photos, seen.matched, strict=True) if m is not None}
    order = sorted(range(len(seen.faces)), key=lambda n: (-seen.quality[n], seen.faces[n], n))
    lent: dict[int, Naming] = {}
    for face in order:
        naming = names.get(seen.clusters[face] or "")
        if naming is None or seen.matched[face] is not None:
            continue
        person = naming.person_id
        taken = (seen.photos[face], person) in present
        if taken or seen.alike[face] not in (None, person):
            continue
        if (seen.faces[face], person) in rejected:
            continue
        present.add((seen.photos[face], person))
        lent[face] = naming
    return lent
