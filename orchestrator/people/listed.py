"""The answers of an archive with what became of each: it holds, is overruled, undone or pending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headcount.answers.acts import overruled_by
from headcount.answers.kept import in_order, read_objects
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from headcount.answers.taken import taken_by
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import JobSpec
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.people.faces_here import look_up
from orchestrator.people.latest_assignments import LatestAssignments, active_pack, read_latest
from orchestrator.people.said import Kept
from orchestrator.people.stored_faces import Source


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer, the faces of the cluster that it means, and what became of it."""

    answer: Answer
    members: tuple[str, ...]
    faces: int
    """Faces that it is about."""
    overruled: int
    """Those of them for which a later answer says otherwise."""
    by: tuple[str, ...]
    """The later answers that overrule it or, where it was undone, the undo."""
    undone: bool
    pending: bool
    """Whether the latest results were made without it."""

    @property
    def state(self) -> str:
        """Its state: holds, partly overruled, overruled, or undone."""
        if self.undone:
            return "undone"
        if not self.by:
            return "holds"
        return "overruled" if self.overruled >= self.faces else "partly overruled"

    def as_dict(self) -> dict[str, Any]:
        """The answer as JSON of a listing."""
        answer = self.answer
        about = {
            "person_id": answer.person_id,
            "person": answer.person,
            "new_person": answer.new_person,
            "photo": answer.photo,
            "cluster": answer.cluster,
            "undoes": answer.undoes,
            "said_by": answer.by,
        }
        return {
            "id": answer.id,
            "what": answer.what,
            "said_at": answer.at.isoformat(),
            **about,
            "faces": self.faces,
            "face_ids": sorted({m.face_id for m in answer.faces if m.face_id} | {*self.members}),
            "state": self.state,
            "by": list(self.by),
            "overruled_faces": self.overruled,
            "pending": self.pending,
        }


def list_answers(store: Store, s3: S3Settings) -> list[Listed]:
    """All answers of an archive in the order in which they were said, undos among them."""
    active_pack(store)
    among = list(read_latest(store))
    objects = [(key, answer) for key, answers in read_objects(store) for answer in answers]
    key_of = {answer.id: key for key, answer in objects}
    kept = Kept.of(store, in_order(answer for _, answer in objects))
    here = look_up(
        Source(store, s3, among), ids=(), marks=[m for one in kept.answers for m in one.faces]
    )
    said = kept.said(here.meant_by)
    places = [place for place, (answer, _) in enumerate(said) if kept.holds(answer)]
    overruled = overruled_by([said[place][1] for place in places], present_ids(kept.holding))
    over = {
        place: {places[later]: faces for later, faces in some.items()}
        for place, some in zip(places, overruled, strict=True)
    }
    undone_by = {one.undoes: one.id for one in kept.answers if one.id not in kept.undone}
    is_taken = _taken(store, among)
    return [
        _listed(kept, place, over.get(place, {}), undone_by, pending=not is_taken(a, key_of[a.id]))
        for place, (a, _) in enumerate(said)
    ]


def _listed(
    kept: Kept,
    place: int,
    over: Mapping[int, frozenset[str]],
    undone_by: Mapping[str | None, str],
    *,
    pending: bool,
) -> Listed:
    answer, members = kept.answers[place], kept.members[place]
    undone = answer.id in kept.undone
    by = (undone_by[answer.id],) if undone else tuple(kept.answers[n].id for n in sorted(over))
    return Listed(
        answer,
        members,
        faces=len({m.face_id or (m.content, m.box) for m in answer.faces} | {*members}),
        overruled=len({face for faces in over.values() for face in faces}),
        by=by,
        undone=undone,
        pending=pending,
    )


def present_ids(holding: Iterable[Answer]) -> Callable[[str | None], str | None]:
    """The function that gives the id that a person has now, after the renames among answers."""
    renames = Renames.of(holding)
    return lambda person: person and renames.now(person, None)[0]


def _taken(store: Store, among: Sequence[LatestAssignments]) -> Callable[[Answer, str], bool]:
    """The function that tells whether the latest results were made with an answer.

    Of one about another collection, or none, it asks the latest results of all.
    """
    keys = {latest.uri: (taken_by(store, latest.job_id), _began(store, latest)) for latest in among}

    def is_taken(answer: Answer, key: str) -> bool:
        asked = [keys[answer.source]] if answer.source in keys else list(keys.values())
        return any(
            (answer.recorded or answer.at) < began if taken is None else key in taken
            for taken, began in asked
        )

    return is_taken


def _began(store: Store, latest: LatestAssignments) -> datetime:
    """The time from which on answers are later than a job of a build that noted none."""
    spec = find_record(store, JobKeys(latest.job_id).spec, JobSpec)
    return datetime.max.replace(tzinfo=UTC) if spec is None else spec.created
