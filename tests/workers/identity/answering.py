"""An archive of made-up photos, run again and again, and the answers that are given between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headcount.answers.kept import record_answers
from headcount.answers.record import Answer, FaceMark, What
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from orchestrator.people.latest_assignments import LatestAssignments, Selection, marks, read_latest
from tests.at_once import AtOnce, add, begin, end
from tests.enrolled import enrol
from tests.running import table
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables

S3 = S3Settings()
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


class Answering:
    """Jobs over one folder's photos; ``faces`` are those of the last, by photo and number."""

    def __init__(self, folder: Path, *people: str, photos: Mapping[str, str]) -> None:
        self.folder, self.archive = folder, folder / "archive"
        self.photos = add(folder / "photos", **photos)
        self.broker = AtOnce(prepare=enrol(*people)) if people else AtOnce()
        self.number, self.said = 0, 0
        self.faces: dict[str, Row] = {}

    @property
    def store(self) -> Store:
        return open_store(str(self.archive))

    @property
    def out(self) -> Path:
        return self.folder / f"out-{self.number}"

    def run(self, *lines: str, **photos: str) -> Answering:
        """Run a job, with photos that are added and lines of a roster."""
        add(self.photos, **photos)
        self.number += 1
        roster = self.folder / f"roster-{self.number}.csv"
        roster.write_text("\n".join(("scope,person,needed", *lines)))
        wishes = {"expected": str(roster)} if lines else {}
        end(begin(self.photos, self.archive, str(self.number), purity=1, **wishes), self.broker)
        rows = sorted(self.table("faces"), key=lambda row: (row["photo"], row["x"]))
        self.faces = {f"{r['photo'][:-4]}{int(r['x']) // 100}": r for r in rows}
        return self

    def remove(self, *photos: str) -> Answering:
        for photo in photos:
            (self.photos / f"{photo}.jpg").unlink()
        return self

    def table(self, name: str) -> list[Row]:
        return table(self.out, name)

    def __getitem__(self, face: str) -> Row:
        """A face by its photo and its number in it, from the left: ``a0``."""
        return self.faces[face]

    def gallery(self) -> list[tuple[str, str, str]]:
        """The references: person, photo, and face or etag."""
        unit = Unit(self.broker.context, self.store, str(self.number), "reduce")
        rows = job_tables(unit).gallery.read(["person", "photo", "etag"]).to_pylist()
        return sorted(tuple(row.values()) for row in rows)

    def latest(self) -> LatestAssignments:
        [latest] = read_latest(self.store)
        return latest

    def marks(self, faces: Iterable[str], **fields: Any) -> tuple[FaceMark, ...]:
        """Marks of faces of the last job."""
        ids = tuple(self.faces[face]["face_id"] for face in faces)
        found = marks(self.store, Selection(self.latest(), ids, None), S3)
        return tuple(mark.model_copy(update=fields) for mark in found)

    def say(
        self, what: What, faces: str | tuple[FaceMark, ...] = "", who: str = "", **about: Any
    ) -> Answer:
        """Record an answer on faces, given with blanks between; ``who`` is a name."""
        self.said += 1
        at = about.pop("at", BEGAN + timedelta(minutes=self.said))
        found = self.marks(faces.split()) if isinstance(faces, str) and faces else faces or ()
        fields = {"person_id": person_id(who), "person": who} if who else {}
        answer = Answer(
            id=about.pop("id", f"answer{self.said}"),
            what=what,
            at=at,
            recorded=at,
            faces=found,
            **fields,
            **about,
        )
        record_answers(self.store, [answer])
        return answer

    def apart(self, one: str, other: str, **about: Any) -> Answer:
        """Record that faces of one side are none of the other."""
        sides = (self.marks(one.split(), side=0), self.marks(other.split(), side=1))
        return self.say("apart", sides[0] + sides[1], **about)

    def rename(self, who: str, name: str) -> Answer:
        return self.say("rename", who=who, new_person_id=person_id(name), new_person=name)

    def undo(self, answer: Answer) -> Answer:
        return self.say("undo", undoes=answer.id)

    def told(self) -> dict[str, list[Row]]:
        """The tables of the last job; clusters are known by their first faces."""
        first: dict[str | None, str] = {}
        for row in sorted(self.table("faces"), key=lambda row: str(row["face_id"])):
            first.setdefault(row["cluster_id"], row["face_id"])
        found = {}
        for name in ("photos", "faces", "people", "clusters", "expected"):
            rows = self.table(name)
            for row in rows:
                if name == "photos":
                    del row["etag"]
                if row.get("reference"):
                    row["reference"] = row["reference"].split("/")[-1]
                if row.get("cluster_id"):
                    row["cluster_id"] = first[row["cluster_id"]]
            found[name] = sorted(rows, key=str)
        return found
