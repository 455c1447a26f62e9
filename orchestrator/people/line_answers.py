"""The answers that a line of a file makes in an archive: its faces, clusters and people found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headcount.answers.drawn import box_fault
from headcount.answers.forgotten_marks import Places, forgotten_fault
from headcount.answers.lines import BadLine, Line
from headcount.answers.record import Answer, FaceMark
from headcount.contract.vocabulary import person_id
from headcount.rosters.patterns import WILDCARDS
from orchestrator.people.faces_here import Cluster
from orchestrator.people.line_links import links_of
from orchestrator.people.short_ids import several
from orchestrator.people.stored_faces import Face
from orchestrator.people.targets import (
    BEST,
    MARKED,
    NO_FACE,
    Found,
    Targets,
    best_first,
    references,
)

_PERSON_ID = re.compile("p[0-9a-f]{15}")
_NO_REFERENCES = frozenset({"confirm", "no_reference"})

NO_PERSON = "nobody of that name is here yet"
NO_PHOTO = "no photo of that name is here"
NO_REFERENCE = "no face is good enough to be a reference: the name has none from here"
A_FACE_THERE = "a face was found at that place already"
ONE_PERSON = "somebody has that name already: the two will be one person"


@dataclass(frozen=True, slots=True)
class Drafts:
    """Makes answers of lines.

    ``known`` are people's names by id, ``people`` those of the file with them. ``recorded`` are all
    answers by id, ``holding`` those that hold, ``undone`` the ids of those that others took back;
    ``at`` is the time of lines that tell none. ``forgotten`` are people by id, ``places`` those of
    forgotten faces.
    """

    targets: Targets
    known: Mapping[str, str]
    people: Mapping[str, str]
    forgotten: frozenset[str]
    places: Places
    recorded: Mapping[str, Answer]
    holding: Sequence[Answer]
    undone: frozenset[str]
    at: datetime

    def of(self, line: Line) -> list[Answer]:
        """The answers of a line; none where it holds already. Raises BadLine."""
        if line.what in ("same", "apart"):
            return [
                self._answer(line, link.marks, source=link.source, clusters=link.clusters)
                for link in links_of(line, self.targets, self.holding)
            ]
        if line.what == "undo":
            found = {self.answer(text).id for text in line.subject.split()}
            return [self._undo(line, one) for one in sorted(found - self.undone)]
        if line.what == "rename":
            return [self._rename(line)]
        if line.what == "accept_absent":
            return [self._absent(line)]
        return [self._drawn(line)] if line.what == "face" else self._of_faces(line)

    def _answer(self, line: Line, faces: Iterable[FaceMark] = (), **fields: Any) -> Answer:
        """An answer on faces. Raises BadLine where one of them was forgotten."""
        faces = tuple(faces)
        for fault in filter(None, (forgotten_fault(mark, self.places) for mark in faces)):
            raise BadLine(fault)
        return Answer(
            what=line.what,
            at=line.said_at or self.at,
            recorded=self.at,
            by=line.said_by,
            faces=faces,
            **fields,
        )

    # -- people -----------------------------------------------------------------------------------

    def person(self, text: str) -> tuple[str, str]:
        """Id and name of a person given by either. Raises BadLine for an id of nobody."""
        if text in self.people:
            found, name = text, self.people[text]
        else:
            found = person_id(text)
            name = self.people.get(found, text)
        if found in self.forgotten or text in self.forgotten:
            raise BadLine(
                f"{text} was forgotten: `headcount forget --undo` first, if that is to end"
            )
        if found not in self.people and is_person_id(text):
            raise BadLine(f"nobody has the id {text}: `headcount people` lists everybody")
        return found, name

    def _person_of(self, line: Line, *, new: bool = False) -> dict[str, Any]:
        """The fields of an answer that say who its person is; a ``new`` one need not be known."""
        if line.person is None:
            return {}
        found, name = self.person(line.person)
        if not new and found not in self.people:
            self.targets.note(NO_PERSON, line)
        return {"person_id": found, "person": name}

    def _rename(self, line: Line) -> Answer:
        person, name = self.person(line.subject)
        other, new_name = self.person(line.person or "")
        if person not in self.people:
            self.targets.note(NO_PERSON, line)
        if person == other:
            raise BadLine(f"{name} has that name already")
        if other in self.known and not self._was_called(other):
            self.targets.note(ONE_PERSON, line)
        return self._answer(
            line, person_id=person, person=name, new_person_id=other, new_person=new_name
        )

    def _was_called(self, other: str) -> bool:
        """Whether a name is known only since somebody gets it, or had it before."""
        return any(
            answer.what == "rename" and other in (answer.person_id, answer.new_person_id)
            for answer in self.holding
        )

    def _absent(self, line: Line) -> Answer:
        photo = line.photo or ""
        wide = photo.endswith(("/", "\\")) or any(letter in photo for letter in WILDCARDS)
        if not wide and photo not in self.targets.here.keys:
            self.targets.note(NO_PHOTO, line)
        return self._answer(line, photo=photo, **self._person_of(line))

    # -- answers about answers --------------------------------------------------------------------

    def _undo(self, line: Line, found: str) -> Answer:
        """The undo of an answer: not before that was said, whatever the line tells."""
        drafted = self._answer(line, undoes=found)
        return drafted.model_copy(update={"at": max(drafted.at, self.recorded[found].at)})

    def answer(self, text: str) -> Answer:
        """The answer with an id, full or short. Raises BadLine where there is none, or several."""
        if text in self.recorded:
            return self.recorded[text]
        found = sorted(one for one in self.recorded if one.startswith(text))
        if len(found) == 1:
            return self.recorded[found[0]]
        if found:
            raise BadLine(several(text, found))
        raise BadLine(f"no answer {text} in {self.targets.place}: `headcount answers` lists them")

    # -- faces ------------------------------------------------------------------------------------

    def _drawn(self, line: Line) -> Answer:
        [target] = line.targets
        content, here = self.targets.content(target), self.targets.here
        if target.spot is None:
            raise BadLine("face needs a box")
        frame = here.frame_of(content, target.spot.orientation)
        if fault := box_fault(target.spot.box, frame):
            raise BadLine(fault)
        mark = FaceMark(face_id="", content=content, box=target.spot.box, frame=frame)
        photo = here.photos.get(content)
        if here.at(content, mark.box, frame):
            self.targets.note(A_FACE_THERE, line)
        elif photo is None:
            self.targets.note(NO_FACE, line)
        key = photo.key if photo else line.photo
        return self._answer(line, [mark], photo=key, job_id="", **self._person_of(line, new=True))

    def _of_faces(self, line: Line) -> list[Answer]:
        """One answer on all faces of a line, and one on each cluster."""
        found = [self.targets.found(target, line) for target in line.targets]
        clusters = {one.cluster_id: one for one in found if isinstance(one, Cluster)}
        faces = [one for one in found if not isinstance(one, Cluster)]
        if clusters and line.what in ("reference", "no_reference"):
            raise BadLine(f"{line.what} needs faces, and {next(iter(clusters))} is a cluster")
        person = self._person_of(line, new=line.what in ("name", "confirm"))
        answers = [self._of_cluster(line, one, person) for one in clusters.values()]
        if faces:
            marked = self._marked(line, faces)
            answers.append(self._answer(line, marked, **self.targets.seen_in(faces), **person))
        return answers

    def _of_cluster(self, line: Line, cluster: Cluster, person: Mapping[str, Any]) -> Answer:
        """The answer on all faces that a cluster has now: the best of them are marked."""
        faces = self.targets.faces_of(cluster)
        chosen = references(faces) if line.what == "name" else faces[:MARKED]
        if not chosen:
            raise BadLine(
                f"no face of {cluster.cluster_id} is good enough to be a reference: `confirm` says "
                "who it is without one"
            )
        return self._answer(
            line,
            [face.mark(reference=line.what not in _NO_REFERENCES) for face in chosen],
            cluster=cluster.cluster_id,
            **self.targets.seen_in([cluster]),
            **person,
        )

    def _marked(self, line: Line, found: Sequence[Found]) -> list[FaceMark]:
        """Marks of faces, best first; of a name the best become references."""
        faces = best_first({o.face_id: o for o in found if isinstance(o, Face)}.values())
        places = [one for one in found if isinstance(one, FaceMark)]
        if line.what != "name":
            told = line.what not in _NO_REFERENCES
            return [
                *(face.mark(reference=told) for face in faces),
                *(mark.model_copy(update={"reference": told}) for mark in places),
            ]
        best = {face.face_id for face in references(faces)}
        if not best and not places:
            self.targets.note(NO_REFERENCE, line)
        return [
            *(face.mark(reference=face.face_id in best) for face in faces),
            *(
                mark.model_copy(update={"reference": len(best) + n < BEST})
                for n, mark in enumerate(places)
            ),
        ]


def is_person_id(text: str) -> bool:
    """Whether a text is the id of a person, and no name."""
    return _PERSON_ID.fullmatch(text) is not None
