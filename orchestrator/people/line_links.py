"""The answers of a line that says that faces or clusters are one person, or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from headcount.answers.lines import BadLine, Line
from headcount.answers.record import Answer, FaceMark
from orchestrator.people.faces_here import Cluster
from orchestrator.people.latest_assignments import LatestAssignments
from orchestrator.people.stored_faces import Face
from orchestrator.people.targets import Found, Targets

JOINED = 10_000
"""Faces of a cluster that a link binds, at most, the best ones: 2 MB of the record. The other faces
of a larger cluster are near enough to follow by themselves."""
PARTED = 500
"""Faces of a cluster that are kept apart from another's, at most: every pair of them is a rule."""

TOO_POOR = "a face is too poor to be judged: it is in no cluster"
ONE_HERE = "both sides are one face here: left out"


@dataclass(frozen=True, slots=True)
class Link:
    """A link to record: marks of the faces of both sides, and the clusters they are in now."""

    one: tuple[FaceMark, ...]
    other: tuple[FaceMark, ...]
    clusters: tuple[str, ...] = ()
    """Empty where the link is of two faces alone: it binds these exactly."""
    source: str | None = None

    @property
    def marks(self) -> tuple[FaceMark, ...]:
        """The marks of both sides."""
        return tuple(
            mark.model_copy(update={"side": side})
            for side, some in enumerate((self.one, self.other))
            for mark in some
        )

    @property
    def joins(self) -> bool:
        """Whether each side has a photo without a face of the other: else a merge has no effect."""
        photos = [{mark.content for mark in side} for side in (self.one, self.other)]
        return not (photos[0] <= photos[1] or photos[1] <= photos[0])


def links_of(line: Line, targets: Targets, holding: Sequence[Answer]) -> list[Link]:
    """The links of a line; none where it holds already. Raises BadLine.

    ``holding`` are the archive's answers: one may have made one cluster of the two.
    """
    sides = [[targets.found(target, line) for target in side] for side in line.sides]
    for face in (one for side in sides for one in side if isinstance(one, Face)):
        if not face.usable:
            targets.note(TOO_POOR, line)
    if len(sides) == 2:
        return _linked(line, sides[0], sides[1], targets, holding)
    [all_of_them] = sides
    if any(isinstance(one, Cluster) for one in all_of_them):
        return [
            link
            for a, b in pairwise(all_of_them)
            for link in _linked(line, [a], [b], targets, holding)
        ]
    latest = _common(all_of_them, targets)
    marked = _marks(all_of_them, targets, JOINED)
    if len(marked) < 2:
        return _one_here(line, targets)
    return [Link(marked[:1], marked[1:], source=latest.uri if latest else None)]


def _linked(
    line: Line,
    one: Sequence[Found],
    other: Sequence[Found],
    targets: Targets,
    holding: Sequence[Answer],
) -> list[Link]:
    """The link of two sides; none where they are one cluster already."""
    if len(one) == len(other) == 1 and _cluster(one[0]) == _cluster(other[0]) is not None:
        return _once_linked(line, holding)
    latest = _common([*one, *other], targets)
    most = PARTED if line.what == "apart" else JOINED
    sides = [_marks(side, targets, most) for side in (one, other)]
    whole = [any(isinstance(found, Cluster) for found in side) for side in (one, other)]
    if whole[0] != whole[1]:
        large, small = (0, 1) if whole[0] else (1, 0)
        inside = {mark.face_id for mark in sides[small]}
        sides[large] = tuple(m for m in sides[large] if m.face_id not in inside)
    link = Link(sides[0], sides[1], source=latest.uri if latest else None)
    if not (link.one and link.other) or {*link.one} & {*link.other}:
        return _one_here(line, targets)
    if len(link.one) == len(link.other) == 1:
        return [link]
    if line.what == "same" and not link.joins:
        raise BadLine(
            "the two sides are in the same photos, and nobody is in a photo twice: link two of "
            "their faces, where it is a mirror or a collage"
        )
    return [replace(link, clusters=tuple(_name(side[0], targets) for side in (one, other)))]


def _one_here(line: Line, targets: Targets) -> list[Link]:
    """No link, with a note, of places that are one face here. Raises BadLine of ids alone."""
    if not all(target.spot for target in line.targets):
        raise BadLine(f"{' and '.join(t.id for t in line.targets[:2])} are not two faces")
    targets.note(ONE_HERE, line)
    return []


def _cluster(found: Found) -> str | None:
    return found.cluster_id if isinstance(found, Cluster) else None


def _name(found: Found, targets: Targets) -> str:
    """The cluster that something is, or is in; empty where it is in none."""
    if isinstance(found, Cluster):
        return found.cluster_id
    within = targets.here.known.get(found.face_id, ())
    return next((cluster for _, cluster in within if cluster), "")


def _marks(side: Sequence[Found], targets: Targets, most: int) -> tuple[FaceMark, ...]:
    """Marks of the faces of a side, each once; of a cluster the best."""
    marks: dict[object, FaceMark] = {}
    for found in side:
        if isinstance(found, Cluster):
            some = [face.mark() for face in targets.faces_of(found)[:most]]
        else:
            some = [found.mark() if isinstance(found, Face) else found]
        marks |= {(m.face_id or (m.content, m.box)): m for m in some}
    return tuple(marks.values())


def _common(found: Sequence[Found], targets: Targets) -> LatestAssignments | None:
    """The collection that has all of these; None where none is here. Raises BadLine."""
    places = []
    for one in found:
        if isinstance(one, Cluster):
            places.append([one.latest])
        elif one.face_id in targets.here.known:
            places.append([latest for latest, _ in targets.here.known[one.face_id]])
    common = [one for one in places[0] if all(one in some for some in places)] if places else []
    if places and not common:
        raise BadLine("these are faces of two collections")
    return common[0] if common else None


def _once_linked(line: Line, holding: Sequence[Answer]) -> list[Link]:
    """The two sides of the link that merged these clusters, to be parted. Raises BadLine."""
    ids = [target.id for target in line.targets]
    if line.what == "same":
        return []
    for answer in reversed(holding):
        if answer.what == "same" and set(answer.clusters) == set(ids):
            sides = [tuple(m for m in answer.faces if m.side == s)[:PARTED] for s in (0, 1)]
            return [Link(sides[0], sides[1], answer.clusters, answer.source)]
    raise BadLine(
        f"{' and '.join(ids)} are one cluster: give two of its faces instead, of two people"
    )
