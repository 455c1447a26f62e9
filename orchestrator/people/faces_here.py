"""Faces and clusters of the latest results, many looked up at once: by id, and by place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.lines import Spot
from headcount.answers.record import SAME_PLACE, FaceMark, overlap
from headcount.assignments import history
from headcount.contract.frames import UNKNOWN, Box4, Frame, moved_box
from headcount.storage import Store
from orchestrator.people.latest_assignments import LatestAssignments
from orchestrator.people.stored_faces import Face, Photo, Source, rows_in

FULL = 24
"""Characters of a face's id: what has as many is no short id."""

InCollection = tuple[LatestAssignments, str | None]
"""A collection that a face is in, and its cluster there."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is alive, and the ids of its faces, sorted."""

    latest: LatestAssignments
    cluster_id: str
    face_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FacesHere:
    """Faces, clusters and photos that were looked up, by their ids, keys and contents.

    ``known`` are the faces in the latest results, with the collections that each is in.
    ``clusters`` are also by the ids of clusters that were absorbed; ``short`` are the ids that a
    shorter one may mean.
    """

    known: Mapping[str, tuple[InCollection, ...]]
    clusters: Mapping[str, Cluster]
    short: Mapping[str, tuple[str, ...]]
    faces: Mapping[str, Face]
    photos: Mapping[str, Photo]
    """By content."""
    keys: Mapping[str, tuple[Photo, ...]]
    """By key."""
    in_content: Mapping[str, tuple[Face, ...]] = field(default_factory=dict)

    def full_id(self, text: str) -> str | None:
        """The id that a text means, full or short; None where it means none, or several."""
        if text in self.known or text in self.clusters:
            return text
        candidates = self.short.get(text, ())
        return candidates[0] if len(candidates) == 1 else None

    def content_of(self, spot: Spot) -> str:
        """The content of a spot's photo; empty where its key is not known, or not enough."""
        if spot.content:
            return spot.content
        contents = {photo.content for photo in self.keys.get(spot.photo, ())}
        return contents.pop() if len(contents) == 1 else ""

    def frame_of(self, content: str, orientation: int | None) -> Frame:
        """The frame of a photo under a turn, None for today's; of one not here the turn alone."""
        photo = self.photos.get(content)
        if photo is None:
            return UNKNOWN if orientation is None else Frame(0, 0, orientation)
        return photo.frame if orientation is None else photo.frame.turned(orientation)

    def at(self, content: str, box: Box4, frame: Frame) -> Face | None:
        """The face that a box means: the one that shares most with it, SAME_PLACE at least."""
        photo, best, most = self.photos.get(content), None, SAME_PLACE
        if photo is None:
            return None
        if frame != UNKNOWN and 0 in frame[:2]:  # drawn before the photo was here
            frame = photo.frame.turned(frame.orientation)
        moved = moved_box(box, photo.frame if frame == UNKNOWN else frame, photo.frame)
        for face in self.in_content.get(content, ()):
            shared = overlap(moved, face.box)
            if shared >= most:
                best, most = face, shared
        return best

    def meant_by(self, mark: FaceMark) -> str:
        """The face here that a mark means, by id or by place; else a text for its place alone."""
        if mark.face_id in self.known:
            return mark.face_id
        if mark.content:
            found = self.at(mark.content, mark.box, Frame(*mark.frame))
            if found is not None:
                return found.face_id
        return mark.face_id or place_text(mark.content, mark.box)


def place_text(content: str, box: Box4) -> str:
    """A text that is the same for the same box in the same content."""
    return " ".join([content, *(f"{number:.1f}" for number in box)])


def look_up(
    source: Source,
    *,
    ids: Collection[str],
    spots: Iterable[Spot] = (),
    keys: Iterable[str] = (),
    marks: Iterable[FaceMark] = (),
) -> FacesHere:
    """Look up ``ids`` of faces or clusters, full or short, spots, ``keys`` of photos, and marks.

    The tables are read once, whatever there is to look up; of the marks' faces no more than their
    ids, and of those that are not here the places.
    """
    spots, marks, among = list(spots), list(marks), source.among
    wanted = {*ids, *(mark.face_id for mark in marks)}
    known = _known(among, wanted)
    clusters = _clusters(source.store, among, set(ids) - known.keys())
    short = _short(among, set(ids) - known.keys() - clusters.keys())
    meant = {found[0] for found in short.values() if len(found) == 1}
    known |= _known(among, meant)
    clusters |= _clusters(source.store, among, meant - known.keys())
    full = {i for i in {*ids, *meant} if i in known}
    full.update(face for cluster in clusters.values() for face in cluster.face_ids)
    contents = {spot.content for spot in spots}
    contents |= {m.content for m in marks if m.face_id not in known} - {""}
    photos = source.photos(contents, {*keys, *(spot.photo for spot in spots)}, full)
    by_content, by_key = _indexed(photos)
    contents |= {photo.content for spot in spots for photo in by_key.get(spot.photo, ())}
    found = source.faces(photos, full, contents - {""})
    inside: defaultdict[str, dict[str, Face]] = defaultdict(dict)
    for face in found:
        if face.content in contents:
            inside[face.content][face.face_id] = face
    return FacesHere(
        known,
        clusters,
        short,
        {face.face_id: face for face in reversed(found)},
        by_content,
        by_key,
        {content: tuple(some.values()) for content, some in inside.items()},
    )


def _known(
    among: Iterable[LatestAssignments], wanted: Collection[str]
) -> dict[str, tuple[InCollection, ...]]:
    """The collections of each wanted face that is there; copies may be in several."""
    found: defaultdict[str, dict[str, InCollection]] = defaultdict(dict)
    for latest in among if wanted else ():
        rows = rows_in(latest.assignments, "face_id", wanted)
        pairs = zip(rows["face_id"].to_pylist(), rows["cluster_id"].to_pylist(), strict=True)
        for face, cluster in pairs:
            found[face].setdefault(latest.collection, (latest, cluster))
    return {face: tuple(some.values()) for face, some in found.items()}


def _clusters(
    store: Store, among: Iterable[LatestAssignments], wanted: set[str]
) -> dict[str, Cluster]:
    """Clusters by the ids wanted: alive ones, or those that absorbed them."""
    found: dict[str, Cluster] = {}
    for latest in among if wanted else ():
        left = wanted - found.keys()
        there = rows_in(latest.assignments, "cluster_id", left)["cluster_id"]
        meant = {one: one for one in pc.unique(there).to_pylist()}
        meant |= _heirs(store, latest, left - meant.keys())
        members: defaultdict[str, set[str]] = defaultdict(set)
        rows = rows_in(latest.assignments, "cluster_id", set(meant.values()))
        pairs = zip(rows["cluster_id"].to_pylist(), rows["face_id"].to_pylist(), strict=True)
        for cluster, face in pairs:
            members[cluster].add(face)
        for one, cluster in meant.items():
            found[one] = Cluster(latest, cluster, tuple(sorted(members[cluster])))
    return found


def _heirs(store: Store, latest: LatestAssignments, lost: set[str]) -> dict[str, str]:
    """The clusters that carry on the lost ids of clusters that were absorbed."""
    if not lost:
        return {}
    lineage = history.read_lineage(store, latest.keys, latest.collection)
    absorbed = lineage.filter(pc.equal(lineage["change"], "absorbed"))
    if not lost & set(absorbed["earlier_id"].to_pylist()):
        return {}
    alive = pc.unique(latest.assignments["cluster_id"]).drop_null()
    heirs = absorbed["cluster_id"]
    there = set(heirs.filter(pc.is_in(heirs, value_set=alive)).to_pylist())
    carried = {one: history.heir(one, there, absorbed) for one in lost}
    return {one: heir for one, heir in carried.items() if heir is not None}


def _short(among: Iterable[LatestAssignments], wanted: set[str]) -> dict[str, tuple[str, ...]]:
    """The ids of faces and clusters that begin with each of the wanted ones, sorted."""
    by_length: defaultdict[int, set[str]] = defaultdict(set)
    for text in wanted:
        if text and len(text) < FULL:
            by_length[len(text)].add(text)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for latest in among if by_length else ():
        for column in ("face_id", "cluster_id"):
            ids = pc.unique(latest.assignments[column]).drop_null()
            for length, texts in by_length.items():
                starts = pc.utf8_slice_codeunits(ids, 0, length)
                inside = pc.is_in(starts, value_set=pa.array(sorted(texts), pa.string()))
                for one in ids.filter(inside).to_pylist():
                    found[one[:length]].add(one)
    return {text: tuple(sorted(ids)) for text, ids in found.items()}


def _indexed(
    photos: Iterable[Photo],
) -> tuple[dict[str, Photo], dict[str, tuple[Photo, ...]]]:
    """Photos by content, of copies the first by key; and by key, one of each collection."""
    by_content: dict[str, Photo] = {}
    by_key: defaultdict[str, list[Photo]] = defaultdict(list)
    for photo in sorted(photos, key=lambda photo: (photo.key, photo.collection)):
        by_content.setdefault(photo.content, photo)
        by_key[photo.key].append(photo)
    return by_content, {key: tuple(some) for key, some in by_key.items()}
