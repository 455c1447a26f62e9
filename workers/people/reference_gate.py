"""The gate of the gallery: references that would name others, or nobody, are refused with a reason.

Poor pictures resemble one another, whoever they show (``faces/evidence``), and a photo of somebody
else in a person's folder gives that person two faces. What decides between several faces of one
photo, and finds a stranger, is agreement with the person's other references.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headcount.contract.stored.archive import PackRecord
from headcount.contract.vocabulary import person_id
from headcount.tables.filters import any_of, parts
from headcount.tables.table import Table
from workers.faces.evidence import KINDS, PARTS, Floats, evidence, weaknesses
from workers.people.gallery import read_references
from workers.people.reference_photo import Enrolled, ReferenceFace
from workers.tables.faces import weaknesses_of
from workers.tables.rows import matrix

POOR = {"blur": 1.0, "cut": 2.5}
"""Least weakness of a face that is refused, by kind, in roots of powers of ten. Two faces at 1 are
ten times likelier to be as alike as two good ones of strangers. Blur: of 145 photos of LFW and of
59 made as small as 32 to 64 % none reaches it; of faces that WIDER calls heavily blurred 87 % do,
of those of quality below 0.55 95 %. Cut: 0.475 of the crop outside the photo; of 45 crops of LFW at
the very edge of the face's box none reaches it (at most 0.46), of those 15 % inside it all do."""
UNLIKE = 2.5
"""Decades of the false match rate below the matching threshold, under which a face is not like the
person's others: 1 % of pairs of one person in LFW are below; of strangers 1 % are above with the
nearest of three references."""
AGREES = "of several faces, the one that is like the person's other references"
STANDS_APART = "the face is like none of the person's other references, which are like one another"
KEPT = "enrolled since --keep-poor asks for it, though "
REFUSALS = {
    "blur": ("blurred", "the face is too blurred to tell people apart by"),
    "cut": ("cut_off", "too much of the face lies outside the photo"),
}
"""State and reason of a reference by the kind of weakness."""


_KEYS = ("source", "person_id", "photo")
_COLUMNS = (*_KEYS, "content", "descriptor", *PARTS)


@dataclass(frozen=True, slots=True)
class KnownFaces:
    """N faces of one person: SHA-256 of their photos, embeddings N x D, weaknesses N x K."""

    contents: tuple[str, ...]
    embeddings: Floats
    weak: Floats

    def with_faces(self, contents: Sequence[str], embeddings: Floats, weak: Floats) -> KnownFaces:
        """These faces and further ones, which come last."""
        return KnownFaces(
            (*self.contents, *contents),
            np.concatenate([self.embeddings, embeddings]),
            np.concatenate([self.weak, weak]),
        )

    def where(self, rows: Sequence[int]) -> KnownFaces:
        """Select faces by row."""
        kept = list(rows)
        contents = tuple(self.contents[row] for row in kept)
        return KnownFaces(contents, self.embeddings[kept], self.weak[kept])


@dataclass(frozen=True, slots=True)
class ReferenceGate:
    """The gate for references of one model pack; with ``keep_poor`` they pass, with a note."""

    threshold: float
    margin: float
    cosine_per_decade: float
    keep_poor: bool = False

    @classmethod
    def of(cls, record: PackRecord, *, keep_poor: bool) -> ReferenceGate:
        """The gate by a pack's own thresholds."""
        return cls(record.threshold, record.margin, record.cosine_per_decade, keep_poor)

    def judged(
        self, enrolled: Sequence[Enrolled], held: Mapping[str, KnownFaces]
    ) -> list[Enrolled]:
        """The references as they pass, are refused, or are taken from another face of the photo.

        ``held`` has the faces that each person, by id, has in the gallery beside these.
        """
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, one in enumerate(enrolled):
            numbers[person_id(one.reference.person)].append(number)
        judged = list(enrolled)
        for person, own in numbers.items():
            passed = self._of_person([enrolled[number] for number in own], held.get(person))
            for number, one in zip(own, passed, strict=True):
                judged[number] = one
        return judged

    def _of_person(self, own: Sequence[Enrolled], held: KnownFaces | None) -> list[Enrolled]:
        """The references of one person: faces taken for their agreement bear witness, too."""
        passed = [self._unless_poor(one) for one in own]
        settled = self._agreeing_with(held, passed)
        found = any(
            now.face is not None and one.face is None
            for one, now in zip(passed, settled, strict=True)
        )
        return self._agreeing_with(held, settled) if found else settled

    def _agreeing_with(self, held: KnownFaces | None, passed: Sequence[Enrolled]) -> list[Enrolled]:
        """References of one person, as they agree with one another and with the gallery's."""
        faces = [one.face for one in passed]
        taken = [face for face in faces if face is not None]
        if not taken and held is None:
            return list(passed)
        contents = [one.content for one in passed if one.face is not None]
        known = self._with(held, contents, taken)
        earlier = len(known.contents) - len(taken)
        apart = self._apart(known)[earlier:]
        agreed = [earlier + number for number, alone in enumerate(apart) if not alone]
        sure = known.where([*range(earlier), *agreed])
        turns = iter(apart)
        return [
            self._settled(one, sure, apart=face is not None and next(turns))
            for one, face in zip(passed, faces, strict=True)
        ]

    def _unless_poor(self, one: Enrolled) -> Enrolled:
        kind = self._poor(one.face) if one.face is not None else None
        if kind is None:
            return one
        state, reason = REFUSALS[kind]
        return one.noted(KEPT + reason) if self.keep_poor else one.refused(state, reason)

    def _poor(self, face: ReferenceFace) -> str | None:
        """The kind of weakness for which a face is refused, if any."""
        weak = weaknesses_of_faces([face], 1.0)[0]
        excess = {kind: float(w) - POOR[kind] for kind, w in zip(KINDS, weak, strict=True)}
        worst = max(excess, key=lambda kind: excess[kind])
        return worst if excess[worst] >= 0 else None

    def _with(
        self, held: KnownFaces | None, contents: Sequence[str], faces: Sequence[ReferenceFace]
    ) -> KnownFaces:
        """The faces in the gallery, if any, and some from photos of these contents."""
        if not faces and held is not None:
            return held
        embeddings = np.stack([face.embedding for face in faces])
        weak = weaknesses_of_faces(faces, self.cosine_per_decade)
        if held is None:
            return KnownFaces(tuple(contents), embeddings, weak)
        return held.with_faces(contents, embeddings, weak)

    def _apart(self, known: KnownFaces) -> list[bool]:
        """Whether each face is like none of the others, though two of them are of one person.

        Two copies of one photo agree about nothing.
        """
        found = evidence(known.embeddings @ known.embeddings.T, known.weak, known.weak)
        content = np.array(known.contents)
        found[(content[:, None] == content) & (content != "")] = -np.inf
        np.fill_diagonal(found, -np.inf)
        if not (found >= self.threshold).any():
            return [False] * len(content)
        least = self.threshold - UNLIKE * self.cosine_per_decade
        return [bool(best < least) for best in found.max(axis=1)]

    def _settled(self, one: Enrolled, sure: KnownFaces, *, apart: bool) -> Enrolled:
        """A reference as it passes, or from the face of its photo that agrees with ``sure``."""
        if one.face is None or apart:
            agreeing = self._agreeing(one.others, sure)
            if agreeing is not None:
                return one.taking(agreeing, AGREES)
        if not apart:
            return one
        return (
            one.noted(KEPT + STANDS_APART)
            if self.keep_poor
            else one.refused("unlike", STANDS_APART)
        )

    def _agreeing(self, faces: Sequence[ReferenceFace], sure: KnownFaces) -> ReferenceFace | None:
        """The one face that a person's references agree with, and no other nearly as well."""
        if not faces or not sure.contents:
            return None
        weak = weaknesses_of_faces(faces, self.cosine_per_decade)
        embeddings = np.stack([face.embedding for face in faces])
        best = evidence(embeddings @ sure.embeddings.T, weak, sure.weak).max(axis=1)
        first, *others = np.argsort(-best, kind="stable")
        if best[first] < self.threshold or any(best[first] - best[o] < self.margin for o in others):
            return None
        face = faces[int(first)]
        return face if self.keep_poor or self._poor(face) is None else None


def weaknesses_of_faces(faces: Sequence[ReferenceFace], cosine_per_decade: float) -> Floats:
    """Weaknesses of N faces of reference photos: N x K, 0 or more."""
    told = [{**face.parts, "quality": face.quality} for face in faces]
    measured = {
        name: np.array([part.get(name, np.nan) for part in told], np.float32) for name in PARTS
    }
    return weaknesses(measured, cosine_per_decade)


def known_faces(
    gallery: Table,
    people: Collection[str],
    leaving: Collection[tuple[str, str, str]],
    cosine_per_decade: float,
) -> dict[str, KnownFaces]:
    """The faces in the gallery of some people, by id, without those that are ``leaving`` it.

    Those are told by source, person and photo.
    """
    found: dict[str, KnownFaces] = {}
    for part in parts(sorted(people)):
        rows = read_references(gallery, _COLUMNS, any_of("person_id", part))
        keys = zip(*(rows[name].to_pylist() for name in _KEYS), strict=True)
        rows = rows.filter(pa.array([key not in leaving for key in keys], pa.bool_()))
        if not rows.num_rows:
            continue
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, person in enumerate(rows["person_id"].to_pylist()):
            numbers[person].append(number)
        embeddings, weak = matrix(rows["descriptor"]), weaknesses_of(rows, cosine_per_decade)
        every = KnownFaces(tuple(rows["content"].to_pylist()), embeddings, weak)
        found |= {person: every.where(own) for person, own in numbers.items()}
    return found
