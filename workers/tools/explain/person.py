"""The explanation of one person: references, people who are alike, faces, and near misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.columns import FACES, GALLERY
from headcount.tables.filters import any_of
from workers.faces.evidence import widened
from workers.tables.columns import isin
from workers.tables.embeddings import Embeddings
from workers.tables.faces import DESCRIPTOR, weaknesses_of
from workers.tables.rows import stored_matrix
from workers.tools.explain.case import Case, Row
from workers.tools.explain.face import about_job, brief, said_briefly
from workers.tools.explain.moment import READ, Moment
from workers.tools.explain.people_alike import PEOPLE, reference
from workers.tools.explain.recompute import decide
from workers.tools.explain.rules import because

NEAR = 10
"""Near misses that are told, at most."""
WITHIN = 0.1
"""Evidence below the threshold, at most, for an unknown face to be a near miss of a person."""
LISTED = 20
"""Faces that are told of each decision, at most."""
_LATER = ("reading", "quality", "content", "etag")


def explain_person(moment: Moment, person_id: str, name: str) -> Row:
    """Everything about a person: one who is enrolled, or expected, or whom answers name."""
    gallery = moment.gallery
    at = gallery.person_ids.index(person_id) if person_id in gallery.person_ids else None
    faces = moment.faces_of(person_id).sort_by("photo")
    return {
        "kind": "person",
        "job": about_job(moment),
        "person": {
            "person_id": person_id,
            "person": name if at is None else gallery.names[at],
            "enrolled": at is not None,
            "earlier_ids": sorted(moment.answers.renames.earlier(person_id)),
        },
        "references": [] if at is None else _references(moment, at),
        "alike": [] if at is None else _alike(moment, at),
        "match_threshold": moment.threshold,
        "faces": {
            "decisions": dict(Counter(faces["decision"].to_pylist())),
            "photos": len(set(faces["photo"].to_pylist())),
            "first": faces.select(["photo", "face_id", "decision"]).slice(0, LISTED).to_pylist(),
        },
        "near_misses": [] if at is None else _near_misses(moment, at),
        "answers": [
            said_briefly(one)
            for one in moment.answers.said
            if person_id in _people(moment, one.answer)
        ],
        "expected": _expected(moment, person_id),
        "notes": list(moment.notes()),
    }


def _people(moment: Moment, answer: Any) -> set[str]:
    """The people, as they are called now, whom an answer is about."""
    ids = {answer.person_id, answer.new_person_id} - {None}
    return {moment.answers.renames.now(one, None)[0] for one in ids}


def _references(moment: Moment, at: int) -> list[Row]:
    """A person's references, with what the table has of each, and how alike the others are."""
    gallery = moment.gallery
    rows = list(gallery.references(at))
    photos = sorted({gallery.photos[row] for row in rows})
    schema = pa.schema(
        [GALLERY.stored().field(n) for n in ("source", "photo", "person_id", *_LATER)]
    )
    version, table = moment.gallery_version, moment.tables.gallery
    table = table if version is None else table.at(version)
    known = {
        (row["source"], row["photo"]): row
        for batch in table.scan(schema, where=any_of("photo", photos[:500]))
        for row in batch.to_pylist()
    }
    own = gallery.embeddings[rows]
    others = own @ own.T
    np.fill_diagonal(others, -np.inf)
    return [_reference(moment, row, known, others[n]) for n, row in enumerate(rows)]


def _reference(moment: Moment, row: int, known: dict[tuple[str, str], Row], others: Any) -> Row:
    found = reference(moment.gallery, row)
    stored = known.get((found["source"], found["photo"]), {})
    return {
        **found,
        "quality": stored.get("quality"),
        "reading": stored.get("reading") or 1,
        "named_face": stored.get("etag") if stored.get("content") == "" else None,
        "most_like_own": float(others.max()) if len(others) > 1 else None,
    }


def _alike(moment: Moment, at: int) -> list[Row]:
    """The other people whose references are most like this person's, by evidence."""
    held, gallery = moment.references, moment.gallery
    mine = slice(int(held.starts[at]), int(held.ends[at]))
    vectors = widened(held.embeddings[mine], held.weaknesses[mine])
    best = np.maximum.reduceat((vectors @ held.opposed.T).max(axis=0), held.starts)
    best[at] = -np.inf
    order = np.argsort(-best, kind="stable")[: min(PEOPLE, len(best) - 1)]
    return [
        {"person_id": gallery.person_ids[n], "person": gallery.names[n], "worth": float(best[n])}
        for n in order.tolist()
    ]


def _near_misses(moment: Moment, at: int) -> list[Row]:
    """Faces without a name that are nearest to a person, decided again, the most alike first."""
    found = sorted(_candidates(moment, at), reverse=True)[:NEAR]
    if not found:
        return []
    decided = decide(moment, {photo for _, photo, _ in found})
    cases = [(worth, Case.of(moment, decided, photo, face)) for worth, photo, face in found]
    return [
        {**brief(case.row), "worth": worth, "because": because(case)}
        for worth, case in cases
        if case.row["person_id"] is None
    ]


def _candidates(moment: Moment, at: int) -> Iterator[tuple[float, str, str]]:
    """Usable faces that the job left unnamed and that are nearly enough like a person."""
    held = moment.references
    against = held.opposed[held.starts[at] : held.ends[at]]
    stored = FACES.stored(moment.pack.dimensions)
    schema = pa.schema([stored.field(name) for name in (*READ, DESCRIPTOR)])
    named = _named(moment)
    for batch in moment.faces.scan(schema, where=f"{moment.tables.of_collection} AND usable"):
        rows = pa.Table.from_batches([batch]).drop_columns([DESCRIPTOR])
        embeddings = Embeddings.as_stored(stored_matrix(batch.column(DESCRIPTOR)))
        weak = weaknesses_of(rows, moment.pack.cosine_per_decade)
        worth = (widened(embeddings[:], weak) @ against.T).max(axis=1)
        near = np.flatnonzero(worth >= moment.threshold - WITHIN)
        keys = rows.select(["photo", "face_id"]).take(near).to_pylist()
        for n, key in zip(near.tolist(), keys, strict=True):
            if (key["photo"], key["face_id"]) not in named:
                yield float(worth[n]), key["photo"], key["face_id"]


def _named(moment: Moment) -> set[tuple[str, str]]:
    said = moment.assignments.filter(pc.is_valid(moment.assignments["person_id"]))
    return set(zip(said["photo"].to_pylist(), said["face_id"].to_pylist(), strict=True))


def _expected(moment: Moment, person_id: str) -> list[Row]:
    """Where a person is expected: scopes and photos, at most LISTED."""
    rows = moment.expectations
    rows = rows.filter(isin(rows["person_id"], [person_id]))
    found: list[Row] = rows.select(["scope", "needed", "photo"]).slice(0, LISTED).to_pylist()
    return found
