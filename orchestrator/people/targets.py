"""The faces and clusters that a line names, found in an archive, and their marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headcount.answers.lines import BadLine, Line, Target
from headcount.answers.record import FaceMark
from headcount.contract.vocabulary import is_face_id
from orchestrator.people.faces_here import Cluster, FacesHere
from orchestrator.people.short_ids import several
from orchestrator.people.stored_faces import Face

BEST = 5
"""Faces of a cluster, or of a line, that become references."""
MARKED = 500
"""Faces of a cluster that an answer marks, at most: the cluster's id and job tell the others, and
the marks are for another pack, which does not know these."""

NO_FACE = "no face is here at a place: kept, for a photo that comes or another pack"

Found = Cluster | Face | FaceMark
"""A cluster or face that is here, or the mark of a place where none is."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Finds what lines name. ``place`` is the archive's URI, for messages.

    ``notes`` collects the numbers of the lines of which something is to be said, by the words.
    """

    here: FacesHere
    place: str
    notes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def note(self, words: str, line: Line) -> None:
        """Say something of a line, once."""
        lines = self.notes[words]
        if lines[-1:] != [line.number]:
            lines.append(line.number)

    def found(self, target: Target, line: Line) -> Found:
        """The cluster or face of a target; else the mark of its place. Raises BadLine."""
        known = self.here.full_id(target.id) if target.id else None
        if known is not None and known in self.here.clusters:
            return self.here.clusters[known]
        if known is not None and known in self.here.faces:
            return self.here.faces[known]
        if target.spot is None:
            raise BadLine(self._unknown(target.id))
        content, spot = self.content(target), target.spot
        frame = self.here.frame_of(content, spot.orientation)
        face = self.here.at(content, spot.box, frame)
        if face is not None:
            return face
        self.note(NO_FACE, line)
        face_id = target.id if is_face_id(target.id) else ""
        return FaceMark(face_id=face_id, content=content, box=spot.box, frame=frame)

    def _unknown(self, text: str) -> str:
        candidates = self.here.short.get(text, ())
        if candidates:
            return several(text, candidates)
        return (
            f"no face and no cluster {text} in the latest results of {self.place}: "
            "faces.parquet and clusters.parquet list them"
        )

    def content(self, target: Target) -> str:
        """The content of a target's photo. Raises BadLine where it cannot be told."""
        if target.spot is None:
            raise BadLine("a box is missing")
        content = self.here.content_of(target.spot)
        if content:
            return content
        photos = self.here.keys.get(target.spot.photo, ())
        why = "is several photos" if photos else "is not in the archive"
        raise BadLine(f"{target.spot.photo} {why}: give its photo_sha256 too")

    def faces_of(self, cluster: Cluster) -> list[Face]:
        """The faces of a cluster, best first."""
        return best_first(self.here.faces[f] for f in cluster.face_ids if f in self.here.faces)

    def seen_in(self, found: Iterable[Found]) -> dict[str, str]:
        """The fields of an answer that say where it was seen: collection and job.

        They are those of the first face or cluster that is here. The job stands in every answer on
        faces: one without is of an earlier build.
        """
        for one in found:
            if isinstance(one, Cluster):
                return {"source": one.latest.uri, "job_id": one.latest.job_id}
            if isinstance(one, Face) and one.face_id in self.here.known:
                latest, _ = self.here.known[one.face_id][0]
                return {"source": latest.uri, "job_id": latest.job_id}
        return {"job_id": ""}


def best_first(faces: Iterable[Face]) -> list[Face]:
    """Faces by quality, the best first."""
    return sorted(faces, key=lambda face: (-face.quality, face.photo))


def references(faces: Iterable[Face]) -> list[Face]:
    """The faces that become references: the BEST ones that can be judged, each of another photo."""
    usable = [face for face in faces if face.usable]
    of_photo: Mapping[str, Face] = {face.photo: face for face in reversed(usable)}
    return best_first(of_photo.values())[:BEST]
