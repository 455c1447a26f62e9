"""Faces that people named, as references of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from headcount.answers.claims import Claims, Said, references_made
from headcount.contract.forgotten import forgotten_people
from headcount.contract.vocabulary import is_face_id
from headcount.tables.filters import parts, quoted
from headcount.tables.schemas import gallery_schema
from workers.identity.apply_answers import Answers
from workers.identity.hand_names import first_rows, photos_at
from workers.tables.columns import Numbers
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables
from workers.tables.photos import readings_of
from workers.tables.rows import fixed_lists, stored_parts

DELETED = 100
"""References that are deleted at a time: each is a condition of its own in the filter."""


def enrol_named(
    tables: PackTables,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    answers: Answers,
    *,
    confirm: Callable[[], None],
) -> None:
    """Bring the gallery up to people's answers: named faces become references.

    Of a cluster that was named, these are its best faces; of several faces of one photo, the one
    that was named last. A reference goes where the answer that made it was taken back or does not
    hold, or another face of its photo is one; those that no answer made, as another pack leaves
    them, go with the last name of their person. Doing it again changes nothing. ``confirm`` raises
    where nothing may be written any more.
    """
    held = _held(tables)
    said = answers.anywhere or answers.said
    marked = {face for one in said if one.names for face in one.faces}
    at = first_rows(faces, marked | {row["etag"] for row in held})
    photo_of = {row["etag"]: row["photo"] for row in held if row["source"] == tables.source}
    photo_of |= photos_at(faces, at)
    wanted = _Wanted(said, answers, at, photo_of)
    have: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    gone: set[tuple[str, str]] = set()
    for row in held:
        person, face = answers.renames.now(row["person_id"], None)[0], row["etag"]
        if not wanted.keeps(person, face) or wanted.renames(row["person_id"], face):
            gone.add((row["person_id"], face))
        elif row["source"] == tables.source:
            have.add((person, photo_of.get(face, row["photo"])))
            known.add((person, face))
    _delete(tables, gone, confirm)
    forgotten, fresh = forgotten_people(tables.store), {}
    for (person, photo), face in wanted.latest.items():
        said_as = answers.person_said(wanted.claims.references[face])
        lacks = (person, photo) not in have and (person, face) not in known
        if lacks and forgotten.isdisjoint((person, said_as[0])):
            fresh[at[face]] = said_as
    rows = np.array(list(fresh), np.int64)
    append_references(tables, list(fresh.values()), faces, rows, embeddings, confirm=confirm)


def _delete(
    tables: PackTables, gone: Iterable[tuple[str, str]], confirm: Callable[[], None]
) -> None:
    """Delete references, by person and face, of this collection and of copies in others."""
    for part in parts(sorted(gone), DELETED):
        each = (f"(etag = {quoted(face)} AND person_id = {quoted(p)})" for p, face in part)
        confirm()
        tables.gallery.delete(" OR ".join(each))


def _held(tables: PackTables) -> list[dict[str, str]]:
    """The references that are named faces: of this collection, and of others."""
    columns = ["person_id", "source", "photo", "etag"]
    rows = tables.gallery.read(columns, where="content = ''").to_pylist()
    return [row for row in rows if row["source"] == tables.source or is_face_id(row["etag"])]


class _Wanted:
    """The references that answers ask for.

    ``latest`` has the face of each person and photo, of those that are in this run: nobody is in a
    photo twice.
    """

    def __init__(
        self,
        said: Sequence[Said],
        answers: Answers,
        at: Mapping[str, int],
        photo_of: Mapping[str, str],
    ) -> None:
        self.claims = claims = Claims.of(said, photo_of)
        self._at, self._photo_of, self._said = at, photo_of, answers.person_said
        self._made = answers.made | references_made(said)
        taken_back = answers.people | {one.answer.person_id or "" for one in said if one.names}
        names = {face: claims.names[face] for face in claims.references}
        self._gone = taken_back - set(names.values())
        self._over = claims.barred | claims.renamed
        self.latest = {(p, photo_of[face]): face for face, p in names.items() if face in at}

    def keeps(self, person: str, face: str) -> bool:
        """Whether a face stays the reference of a person."""
        if self.claims.names.get(face) == person and face in self.claims.references:
            latest = self.latest.get((person, self._photo_of.get(face, "")), face)
            return face not in self._at or latest == face
        return person not in self._gone and not self._is_taken_back(person, face)

    def renames(self, said: str, face: str) -> bool:
        """Whether a face that is here is a reference by an answer with another name than before.

        Both names are those of one person as long as a rename holds.
        """
        answer = self.claims.references.get(face)
        return answer is not None and face in self._at and self._said(answer)[0] != said

    def _is_taken_back(self, person: str, face: str) -> bool:
        """Whether an answer made the reference, or one says that it is none, or somebody else."""
        pair = face, person
        return (
            pair in self._made
            or pair in self._over
            or self.claims.names.get(face, person) != person
            or face in self.claims.not_faces
            or face in self.claims.unreferenced
        )


def append_references(
    tables: PackTables,
    people: Sequence[tuple[str, str]],
    faces: pa.Table,
    rows: Numbers,
    embeddings: EmbeddingLookup,
    *,
    confirm: Callable[[], None],
) -> None:
    """Add these rows of ``faces`` to the gallery; ``people`` has the id and name for each row."""
    if not people:
        return
    chosen, found = faces.take(pa.array(rows)), embeddings[rows]
    photos = chosen["photo"].to_pylist()
    turns = tables.orientations(photos)
    columns = {
        "person_id": [person for person, _ in people],
        "person": [name for _, name in people],
        "source": [tables.source] * len(people),
        "photo": photos,
        "etag": chosen["face_id"],
        "content": [""] * len(people),
        **{name: chosen[name] for name in ("x", "y", "w", "h", "quality")},
        "descriptor": fixed_lists(found.astype(np.float32)),
        "reading": readings_of(tables, chosen["photo"]),
        "orientation": [turns.get(photo) for photo in photos],
        **stored_parts(chosen),
    }
    confirm()
    tables.gallery.append(pa.table(columns, schema=gallery_schema(found.shape[1])))
