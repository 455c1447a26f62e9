"""Links that people set: two faces or clusters are one person, or two; checked, then kept."""

from __future__ import annotations

from dataclasses import dataclass

from headcount import audit, decisions
from headcount.decisions import FaceMark
from headcount.errors import FatalError
from headcount.settings import S3Settings
from headcount.storage import Store
from orchestrator.said import Pointed, find_faces, marks

JOINED = 10_000
"""Faces of a cluster that are bound together, at most, the best ones: 2 MB of the decision. What a
larger cluster has beyond them is near enough to come by itself."""
PARTED = 500
"""Faces of a cluster that are kept apart from those of another: every pair of them is a rule."""

Marks = tuple[FaceMark, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """What is to be kept: the faces of both sides, and the clusters that were spoken of."""

    apart: bool
    one: Marks
    other: Marks
    names: tuple[str, str]
    """The clusters that the two are, or are in, now."""
    source: str

    @property
    def of_faces(self) -> bool:
        """Whether it is about two faces alone."""
        return len(self.one) == len(self.other) == 1


def check_link(store: Store, one: str, other: str, s3: S3Settings, *, apart: bool) -> Link:
    """What it means that two faces or clusters are one person, or two.

    Raises FatalError where it means nothing: unknown ids, twice the same, two collections.
    """
    pointed = find_faces(store, one), find_faces(store, other)
    if pointed[0].said.collection != pointed[1].said.collection:
        raise FatalError(f"{one} and {other} are faces of two collections")
    sides = _sides(store, (one, other), pointed, s3, apart=apart)
    if not (sides[0] and sides[1]) or _ids(sides[0]) == _ids(sides[1]):
        raise FatalError(f"{one} and {other} are not two faces that can be judged")
    names = pointed[0].cluster_id or "", pointed[1].cluster_id or ""
    return Link(apart, *sides, names, pointed[0].said.uri)


def _sides(
    store: Store,
    what: tuple[str, str],
    pointed: tuple[Pointed, Pointed],
    s3: S3Settings,
    *,
    apart: bool,
) -> tuple[Marks, Marks]:
    """The faces of both; of clusters that are one by now, those that they were linked with."""
    clusters = [w not in p.face_ids for w, p in zip(what, pointed, strict=True)]
    if all(clusters) and pointed[0].cluster_id == pointed[1].cluster_id:
        return _once_linked(store, what, apart=apart)
    most = PARTED if apart else JOINED
    one, other = (
        marks(store, faces, s3)[:most] if whole else marks(store, faces, s3, best=1)
        for faces, whole in zip(pointed, clusters, strict=True)
    )
    if clusters[0]:
        one = tuple(mark for mark in one if clusters[1] or mark not in other)
    elif clusters[1]:
        other = tuple(mark for mark in other if mark not in one)
    return one, other


def _once_linked(store: Store, what: tuple[str, str], *, apart: bool) -> tuple[Marks, Marks]:
    """The two sides as they were when these clusters were linked. Raises FatalError without."""
    if apart:
        for _, decision in reversed(list(decisions.read(store))):
            if decision.action == "same" and set(decision.clusters) == set(what):
                one, other = (
                    tuple(m for m in decision.faces if m.side == side)[:PARTED] for side in (0, 1)
                )
                return one, other
    raise FatalError(
        f"{what[0]} and {what[1]} are one cluster already"
        + (": say of two of its faces that they are two people" if apart else "")
    )


def _ids(marked: Marks) -> set[str]:
    return {mark.face_id for mark in marked}


def keep_link(store: Store, link: Link) -> None:
    """Write it into the archive, for every later run."""
    audit.record(store, "split" if link.apart else "merge", link.names[0], other=link.names[1])
    sides = [
        mark if link.of_faces else mark.model_copy(update={"side": side})
        for side, marked in enumerate((link.one, link.other))
        for mark in marked
    ]
    decisions.decide(
        store,
        "different" if link.apart else "same",
        tuple(sides),
        source=link.source,
        clusters=() if link.of_faces else link.names,
    )
