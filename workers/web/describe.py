"""Faces, people and clusters of an index as the JSON that the page takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workers.tables.columns import NONE, Numbers
from workers.web.index import ArchiveIndex, Results, Shown, not_named_any_more
from workers.web.loaded import DECISIONS

Json = dict[str, Any]


@dataclass(frozen=True)
class View:
    """One state of an index, described."""

    index: ArchiveIndex
    results: Results
    shown: Shown

    @classmethod
    def of(cls, index: ArchiveIndex) -> View:
        """The index as it is now."""
        shown, results = index.shown, index.results
        while shown.said is not results.said:  # another job's results came between both
            shown, results = index.shown, index.results
        return cls(index, results, shown)

    # -- faces ------------------------------------------------------------------------------------

    def face(self, row: int, similarity: float | None = None) -> Json:
        """One face."""
        return self.faces([row], None if similarity is None else [similarity])[0]

    def faces(
        self, rows: Sequence[int] | Numbers, similarities: Sequence[float | None] | None = None
    ) -> list[Json]:
        """Faces, each with its similarity to the person whose name it has, or as given."""
        at = np.asarray(rows, np.int64)
        self.results.place(at)
        sizes = self.frames(at)
        found = similarities if similarities is not None else self.own_similarities(at)
        said, overlay, places = self.shown.said, self.shown.overlay, self.results.places
        ids = said.face_ids.take(pa.array(at)).to_pylist()
        photos = said.photos.take(pa.array(said.photo[at])).to_pylist()
        described = []
        for n, (row, cosine) in enumerate(zip(at.tolist(), found, strict=True)):
            code, cluster = int(overlay.person[row]), int(overlay.cluster[row])
            person = overlay.people[code] if code != NONE else (None, None)
            described.append(
                {
                    "row": row,
                    "face_id": ids[n],
                    "photo": photos[n],
                    "box": [round(float(v), 1) for v in places.boxes[row]],
                    "width": int(sizes[n, 0]),
                    "height": int(sizes[n, 1]),
                    "quality": round(float(places.quality[row]), 3),
                    "similarity": None if cosine is None else round(cosine, 3),
                    "person": person[1],
                    "person_id": person[0],
                    "decision": str(DECISIONS[int(overlay.decision[row])]),
                    "cluster_id": self.shown.cluster_id(cluster) if cluster != NONE else None,
                    "by_hand": bool(places.by_hand[row]),
                    "reference": self.is_reference(ids[n], person[0]),
                }
            )
        return described

    def frames(self, rows: Numbers) -> NDArray[np.int32]:
        """Width, height and orientation of the photos of faces; 0: not known."""
        if self.results.frames is not None:
            return self.results.frames[self.shown.said.photo[rows]]
        keys = self.photos(rows)
        known = self.results.tables.frames(keys)
        return np.array([known.get(key, (0, 0, 0)) for key in keys], np.int32).reshape(-1, 3)

    def photos(self, rows: Numbers) -> list[str]:
        """The keys of the photos of faces."""
        said = self.shown.said
        return list(said.photos.take(pa.array(said.photo[rows])).to_pylist())

    def face_ids(self, rows: Numbers) -> list[str]:
        """The ids of faces."""
        return list(self.shown.said.face_ids.take(pa.array(rows)).to_pylist())

    def is_reference(self, face_id: str, person_id: str | None) -> bool:
        """Whether a face is a reference of the person whose name it has."""
        overlay = self.shown.overlay
        if face_id in overlay.unreferenced or person_id is None:
            return False
        return face_id in overlay.references

    def best(self, rows: Numbers, count: int) -> Numbers:
        """The faces of best quality, one of a photo first; all of them where they are few."""
        if self.results.placed.is_set():
            rows = rows[np.argsort(-self.results.places.quality[rows], kind="stable")]
        _, first = np.unique(self.shown.said.photo[rows[: 50 * count]], return_index=True)
        ones = np.zeros(len(rows), bool)
        ones[first] = True
        return np.concatenate([rows[ones], rows[~ones]])[:count]

    # -- likeness ---------------------------------------------------------------------------------

    def vectors(self, rows: Numbers) -> NDArray[np.float32] | None:
        """Embeddings of faces, of unit length; None while they are not loaded."""
        stored = self.results.embeddings
        if stored is None:
            return None
        found = stored[rows].astype(np.float32)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
        return found

    def gallery_rows(self, person_id: str) -> list[int]:
        """Rows of the gallery with a person's references."""
        gallery = self.results.gallery
        people = self.enrolled.get(person_id, ())
        return [row for number in people for row in gallery.references(number)]

    @cached_property
    def enrolled(self) -> dict[str, list[int]]:
        """Numbers of the gallery's people by the ids that they have now."""
        renames = self.index.renames
        found: dict[str, list[int]] = {}
        for number, person in enumerate(self.results.gallery.person_ids):
            found.setdefault(renames.now(person, None)[0], []).append(number)
        return found

    def reference_rows(self, person_id: str) -> Numbers:
        """Faces that answers made references of a person."""
        rows = self.shown.rows_of_person(person_id)
        named = self.shown.said.rows_of(list(self.shown.overlay.references))
        return np.intersect1d(rows, named)

    def references(self, person_id: str) -> NDArray[np.float32] | None:
        """Embeddings of a person's references, those of the newest answers with them."""
        parts = [self.results.gallery.embeddings[self.gallery_rows(person_id)]]
        if len(named := self.reference_rows(person_id)):
            found = self.vectors(named)
            if found is not None:
                parts.append(found)
        vectors = np.concatenate([part for part in parts if len(part)] or parts[:1])
        return vectors if len(vectors) else None

    def similarities(self, rows: Numbers, person_id: str) -> list[float | None]:
        """Cosines of faces to the nearest of a person's references; None where there is none."""
        references, vectors = self.references(person_id), self.vectors(rows)
        if references is None or vectors is None:
            return [None] * len(rows)
        return [float(value) for value in (vectors @ references.T).max(axis=1)]

    def own_similarities(self, rows: Numbers) -> list[float | None]:
        """Cosines of faces to the people whose names they have."""
        found: list[float | None] = [None] * len(rows)
        codes = self.shown.overlay.person[rows]
        for code in set(codes.tolist()) - {NONE}:
            at = np.flatnonzero(codes == code)
            person, _ = self.shown.overlay.people[code]
            for n, value in zip(at.tolist(), self.similarities(rows[at], person), strict=True):
                found[n] = value
        return found

    # -- people -----------------------------------------------------------------------------------

    def person(self, person_id: str, name: str | None = None) -> Json:
        """One person, with a portrait."""
        rows = self.shown.rows_of_person(person_id)
        gallery = self.gallery_rows(person_id)
        portrait = self.face(int(self.best(rows, 1)[0])) if len(rows) else None
        image = f"/image/reference/{gallery[0]}?size=160" if gallery else None
        if portrait is not None:
            image = f"/image/face/{portrait['row']}?size=160"
        return {
            "person_id": person_id,
            "person": name or self.name(person_id),
            "faces": len(rows),
            "references": len(gallery),
            "portrait": portrait,
            "image": image,
        }

    def name(self, person_id: str) -> str:
        """The name of a person by the id."""
        return self.names.get(person_id, person_id)

    @cached_property
    def names(self) -> dict[str, str]:
        """Names of everybody by their ids, enrolled or named."""
        gallery = self.results.gallery
        found = {}
        gone = not_named_any_more(self.results, self.shown)
        for person, numbers in self.enrolled.items():
            if person in gone:
                continue
            number = numbers[0]
            now = self.index.renames.now(gallery.person_ids[number], gallery.names[number])
            found[person] = now[1] or person
        named = zip(self.shown.overlay.people, self.shown.counts.tolist(), strict=True)
        return found | dict(person for person, faces in named if faces)

    def shown_references(self, person_id: str, count: int) -> list[Json]:
        """The first references of a person: where their pictures are, and their photos."""
        gallery = self.results.gallery
        enrolled = [
            {"image": f"/image/reference/{row}?size=320", "photo": gallery.photos[row]}
            for row in self.gallery_rows(person_id)[:count]
        ]
        rows = self.reference_rows(person_id)[: max(0, count - len(enrolled))]
        photos = self.photos(rows) if len(rows) else []
        named = [
            {"image": f"/image/face/{row}?size=320", "photo": photo}
            for row, photo in zip(rows.tolist(), photos, strict=True)
        ]
        return enrolled + named
