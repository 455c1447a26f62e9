"""Case: one face of a moment, decided again, and the figures that its rules go by."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.compute as pc

from headcount.answers.claims import Said
from headcount.answers.lines import COLUMNS
from headcount.contract.vocabulary import BY_HAND, EXPECTED_HERE, NAMED_BY_PERSON, Decision
from headcount.rosters.read import EVERY
from workers.stages.roll import rule_of_pack
from workers.tables.columns import isin
from workers.tools.explain.moment import Moment
from workers.tools.explain.people_alike import people_alike
from workers.tools.explain.quality_parts import quality_parts
from workers.tools.explain.recompute import Decided

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One face: its row as it was decided again, beside all that was decided with it."""

    moment: Moment
    decided: Decided
    row: Row
    place: int
    """The row of the face in `decided.around`."""

    @classmethod
    def of(cls, moment: Moment, decided: Decided, photo: str, face_id: str) -> Case:
        """The case of a face of a photo that was decided on again."""
        mine = decided.faces.filter(isin(decided.faces["face_id"], [face_id]))
        [row] = [row for row in mine.to_pylist() if row["photo"] == photo]
        return cls(moment, decided, row, decided.row(photo, face_id))

    @property
    def worth(self) -> float | None:
        """The similarity to the nearest person, less the discount; None without anybody."""
        similarity = self.row["similarity"]
        return None if similarity is None else float(similarity - (self.row["discount"] or 0.0))

    @property
    def enough(self) -> bool:
        """Whether the face is like its nearest person enough for a match."""
        return self.worth is not None and bool(np.float32(self.worth) >= self.moment.threshold)

    @property
    def clear(self) -> bool:
        """Whether it leads over the runner-up by the margin."""
        margin = self.row["margin"]
        return margin is None or bool(margin >= np.float32(self.moment.figures.margin))

    @property
    def by_hand(self) -> bool:
        """Whether a person gave the face its name."""
        return bool(self.row["evidence"] == NAMED_BY_PERSON)

    @property
    def by_roster(self) -> bool:
        """Whether only the roster gives the face its name."""
        return bool(self.row["evidence"] == EXPECTED_HERE)

    @property
    def drawn(self) -> bool:
        """Whether a person drew the face's box."""
        return bool(self.row["pass"] == BY_HAND)

    @property
    def ignored(self) -> bool:
        """Whether the face was not judged."""
        return bool(self.row["decision"] == Decision.IGNORED)

    @cached_property
    def quality(self) -> Row:
        """Its quality in parts."""
        return quality_parts(self.row)

    @cached_property
    def barred(self) -> frozenset[str]:
        """The people, by id, that it is said not to be."""
        face = self.row["face_id"]
        return frozenset(person for one, person in self.moment.answers.rejected if one == face)

    @cached_property
    def nearest(self) -> list[Row]:
        """The people whom it is most like, with their references."""
        here = np.array([self.place])
        embedding = self.decided.near.embeddings[here][0]
        weakness = self.decided.near.weaknesses[self.place]
        return people_alike(self.moment, embedding, weakness, self.barred)

    @cached_property
    def said(self) -> list[Said]:
        """The answers that are about it, oldest first."""
        face = self.row["face_id"]
        return [one for one in self.moment.answers.said if face in one.faces or face in one.others]

    def said_of(self, *words: str) -> list[Said]:
        """Those of some words."""
        return [one for one in self.said if one.answer.what in words]

    @cached_property
    def beside(self) -> list[Row]:
        """The other faces of its photo."""
        faces = self.decided.faces
        here = faces.filter(pc.equal(faces["photo"], self.row["photo"])).to_pylist()
        return [row for row in here if row["face_id"] != self.row["face_id"]]

    def holder(self, person_id: str | None) -> Row | None:
        """The other face of its photo that has a person's name."""
        return next(
            (row for row in self.beside if person_id and row["person_id"] == person_id), None
        )

    @cached_property
    def naming(self) -> Row | None:
        """The name of its cluster, with the faces that were matched; None where it has none."""
        names = self.decided.names
        mine = names.filter(isin(names["cluster_id"], [self.row["cluster_id"] or ""]))
        return next(iter(mine.to_pylist()), None)

    @cached_property
    def roster_cut(self) -> Cut | None:
        """The least evidence for a name that only the roster gives; None where nobody is missing.

        As roster_names has it: the more people are expected and not found, and the more faces have
        no name, the more is needed.
        """
        moment = self.moment
        rule = rule_of_pack(moment.figures, moment.spec.false_positives, moment.threshold)
        expected = moment.expectations
        here = expected.filter(isin(expected["photo"], [self.row["photo"]]))
        people = set(here.filter(pc.equal(here["needed"], EVERY))["person_id"].to_pylist())
        rest = [row for row in self.beside if row["evidence"] != EXPECTED_HERE]
        people -= {row["person_id"] for row in rest}
        gallery = moment.gallery
        references = [
            len(gallery.references(n)) for n, p in enumerate(gallery.person_ids) if p in people
        ]
        if rule is None or not references or not self._is_open(self.row):
            return None
        faces = 1 + sum(map(self._is_open, self.beside))
        return Cut(rule.cut(sum(references), faces), len(references), sum(references), faces)

    def _is_open(self, row: Row) -> bool:
        """Whether a roster may name a face: judged, named by nobody, and by no match."""
        free = row["decision"] == Decision.UNKNOWN or row["evidence"] == EXPECTED_HERE
        return free and row["face_id"] not in self.moment.answers.named

    def name_of(self, person_id: str | None) -> str:
        """A person's name, as enrolled; the id where nobody is enrolled under it."""
        gallery = self.moment.gallery
        names = dict(zip(gallery.person_ids, gallery.names, strict=True))
        return names.get(person_id or "", person_id or "nobody")


@dataclass(frozen=True, slots=True)
class Cut:
    """The evidence from which a roster gives a name in a photo, and what it follows from."""

    value: float
    people: int
    references: int
    faces: int


def line(what: str, ids: Iterable[str], person: str = "") -> str:
    """A line of a file of answers, to be pasted into ``headcount apply -``."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([what, " ".join(ids), person])
    return text.getvalue()


HEADER = ",".join(COLUMNS[:3])
"""The header of such a file."""
