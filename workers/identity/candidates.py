"""Faces that may be the expected people: of each expectation the one that lacks least."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.vocabulary import Decision
from headcount.rosters.read import EVERY
from headcount.rosters.scopes import Scope, Scopes
from workers.faces.evidence import Floats
from workers.tables.columns import (
    NONE,
    Numbers,
    as_bool,
    factorize_sorted,
    index_of,
    isin,
    one_array,
    take_or_null,
)

FACES_AT_ONCE, PEOPLE_AT_ONCE = 2_048, 4_096
"""Faces and people of one block of evidence: 32 MB, and as much again while they are made."""
SCOPES_KEPT = 8
"""Scopes that keep their people's references from one block of faces to the next, at most.

Further ones copy them again for each block: a roster may have a hundred thousand scopes.
"""

CANDIDATES = pa.schema(
    [
        ("photo", pa.string()),
        ("face_id", pa.string()),
        ("person_id", pa.string()),
        ("similarity", pa.float32()),
        ("lacking", pa.float32()),
    ]
)


class Chosen(Protocol):
    """Chosen people, to whom faces are compared."""

    def evidence(self, vectors: Floats, /) -> Floats:
        """N x P evidence of widened vectors for the people."""
        ...


class Comparison(Protocol):
    """Faces and people by position, and the evidence of the former for the latter."""

    def vectors(self, faces: Numbers, /) -> Floats:
        """The widened vectors of some faces."""
        ...

    def select(self, people: Numbers, /) -> Chosen:
        """Choose people, one at least."""
        ...

    def evidence(self, faces: Numbers, people: Numbers, /) -> Floats:
        """N x P evidence of some faces for some people."""
        ...

    def cosines(self, faces: Numbers, people: Numbers, /) -> Floats:
        """K cosines of pairs: to the reference of the person with most evidence."""
        ...


@dataclass(frozen=True, slots=True)
class UnclaimedFaces:
    """The faces that were given no name, by photo, and what a name would need.

    ``rows`` (N, ascending) are their rows among all faces, which are sorted by photo; ``photo`` is
    the number of each one's photo among the sorted ``photos``. ``nearest`` (N) is the position of
    the nearest person, ``similarity`` the cosine to that one; ``evidence`` and ``runner_up`` are
    for that one and the next. They are NaN where there is none. ``barred`` are the people, by
    position, whom somebody said a face is not.
    """

    faces: pa.Table
    rows: Numbers
    photos: pa.Array
    photo: Numbers
    nearest: Numbers
    similarity: Floats
    evidence: Floats
    runner_up: Floats
    barred: dict[int, list[int]]

    @classmethod
    def of(
        cls,
        faces: pa.Table,
        person_ids: pa.Array,
        rejected: Collection[tuple[str, str]],
        inside: NDArray[np.bool_] | None = None,
    ) -> UnclaimedFaces:
        """The unclaimed ones of the faces of a run; ``rejected`` are pairs of face and person.

        ``inside`` (one a face) says which are looked at; all where it is None.
        """
        claimed = pc.is_in(
            faces["decision"], value_set=pa.array([Decision.MATCHED, Decision.INFERRED])
        )
        free_here = ~as_bool(claimed) if inside is None else ~as_bool(claimed) & inside
        rows = np.flatnonzero(free_here)
        free = faces.take(pa.array(rows))
        photo, photos = factorize_sorted(free["photo"])
        similarity, discount, margin = (
            _floats(free[name]) for name in ("similarity", "discount", "margin")
        )
        return cls(
            free,
            rows,
            photos,
            photo,
            index_of(free["nearest_person_id"], person_ids),
            similarity,
            similarity - discount,
            similarity - discount - margin,
            _barred(free, person_ids, rejected),
        )

    def needed(self, at: Numbers, people: Numbers, threshold: float, margin: float) -> Floats:
        """K x P evidence that the faces ``at`` would need for the names of people.

        The threshold, and the margin's lead over everybody else. Infinite where somebody said that
        the face is not that person.
        """
        needed = np.fmax(np.float32(threshold), self.others(at, people) + np.float32(margin))
        needed[self.barred_among(at, people)] = np.inf
        found: Floats = needed.astype(np.float32)
        return found

    def others(self, at: Numbers, people: Numbers) -> Floats:
        """K x P evidence of the faces ``at`` for whoever is nearest but for each of the people.

        -1 where there is nobody else.
        """
        own = self.nearest[at][:, None] == people[None, :]
        others = np.where(own, self.runner_up[at][:, None], self.evidence[at][:, None])
        return np.nan_to_num(others, nan=-1).astype(np.float32)

    def barred_among(self, at: Numbers, people: Numbers) -> NDArray[np.bool_]:
        """K x P mask: somebody said that the face is not that person."""
        mask = np.zeros((len(at), len(people)), bool)
        for row, face in enumerate(at.tolist()):
            if face in self.barred:
                mask[row] = np.isin(people, self.barred[face])
        return mask

    def in_photo(self, number: int) -> Numbers:
        """The positions of a photo's faces."""
        start, end = np.searchsorted(self.photo, [number, number + 1])
        return np.arange(start, end)


@dataclass(frozen=True, slots=True)
class Search:
    """The search for candidates among unclaimed faces, by the thresholds of a run."""

    unclaimed: UnclaimedFaces
    comparison: Comparison
    person_ids: pa.Array
    threshold: float
    margin: float

    def in_photos(self, expectations: pa.Table) -> pa.Table:
        """CANDIDATES of expectations of a photo each: its face that lacks least for the name."""
        found = _Found()
        for number, people in self.grouped(self.expected_pairs([expectations])):
            faces = self.unclaimed.in_photo(number)
            evidence = self.comparison.evidence(self.unclaimed.rows[faces], people)
            lacking = self._lacking(faces, people, evidence)
            best, column = lacking.argmin(axis=0), np.arange(len(people))
            found.add(faces[best], people, lacking[best, column])
        return self._table(found)

    def in_scopes(self, lines: pa.Table, scopes: Scopes) -> pa.Table:
        """CANDIDATES of lines that need some photo of a scope: the face that lacks least there."""
        asked = [_ScopeSearch(scope, people) for scope, people in self._by_scope(lines, scopes)]
        kept: list[_ScopeSearch] = []
        for start in range(0, len(self.unclaimed.rows) if asked else 0, FACES_AT_ONCE):
            block = np.arange(start, min(start + FACES_AT_ONCE, len(self.unclaimed.rows)))
            keys = one_array(self.unclaimed.faces["photo"].slice(start, len(block)))
            meeting = [s for s in asked if s.scope.pattern.meets(str(keys[0]), str(keys[-1]))]
            kept = _let_go(kept, meeting[:SCOPES_KEPT])
            vectors = self.comparison.vectors(self.unclaimed.rows[block]) if meeting else None
            for n, search in enumerate(meeting):
                inside = search.scope.pattern.select(keys).to_numpy()
                if len(inside) and vectors is not None:
                    self._look(search, block[inside], vectors[inside])
                if n >= SCOPES_KEPT:
                    search.chosen = None
        found = _Found()
        for search in asked:
            hit = np.flatnonzero(search.face != NONE)
            found.add(search.face[hit], search.people[hit], search.lacking[hit])
        return self._table(found)

    def expected_pairs(self, expectations: Iterable[pa.Table]) -> Numbers:
        """The pairs of photo and person in expectations of a photo each, as `pairs` has them."""
        found = [np.zeros(0, np.int64)]
        for block in expectations:
            every = block.filter(pc.equal(block["needed"], EVERY))
            found.append(self.pairs(every["photo"], every["person_id"]))
        return np.unique(np.concatenate(found))

    def pairs(self, photos: pa.ChunkedArray, people: pa.ChunkedArray) -> Numbers:
        """Numbers of pairs of a photo with unclaimed faces and an enrolled person; others go."""
        photo = index_of(photos, self.unclaimed.photos)
        person = index_of(people, self.person_ids)
        known = (photo != NONE) & (person != NONE)
        found: Numbers = photo[known] * max(len(self.person_ids), 1) + person[known]
        return found

    def grouped(self, pairs: Numbers) -> Iterator[tuple[int, Numbers]]:
        """Each photo, by number, of sorted ``pairs``, and its people, by position."""
        total = max(len(self.person_ids), 1)
        photos, starts = np.unique(pairs // total, return_index=True)
        yield from zip(
            photos.tolist(), np.split(pairs % total, starts[1:]), strict=bool(len(photos))
        )

    def _lacking(self, faces: Numbers, people: Numbers, evidence: Floats) -> Floats:
        needed = self.unclaimed.needed(faces, people, self.threshold, self.margin)
        lacking: Floats = needed - evidence
        return lacking

    def _by_scope(self, lines: pa.Table, scopes: Scopes) -> Iterator[tuple[Scope, Numbers]]:
        """The scopes of lines that need some photo, and the people of each, by position."""
        some = lines.filter(pc.not_equal(lines["needed"], EVERY))
        people: defaultdict[str, set[int]] = defaultdict(set)
        person = index_of(some["person_id"], self.person_ids)
        for text, one in zip(some["scope"].to_pylist(), person.tolist(), strict=True):
            if one != NONE and scopes[text].photos:
                people[text].add(one)
        for text, several in people.items():
            chosen = np.array(sorted(several), np.int64)
            for start in range(0, len(chosen), PEOPLE_AT_ONCE):
                yield scopes[text], chosen[start : start + PEOPLE_AT_ONCE]

    def _look(self, search: _ScopeSearch, faces: Numbers, vectors: Floats) -> None:
        """Compare a block of faces with a scope's people, and keep who lacks less than before."""
        if search.chosen is None:
            search.chosen = self.comparison.select(search.people)
        lacking = self._lacking(faces, search.people, search.chosen.evidence(vectors))
        best, column = lacking.argmin(axis=0), np.arange(len(search.people))
        less = lacking[best, column] < search.lacking
        search.face[less] = faces[best[less]]
        search.lacking[less] = lacking[best, column][less]

    def _table(self, found: _Found) -> pa.Table:
        faces, people, lacking = found.columns()
        real = np.isfinite(lacking)
        faces, people, lacking = faces[real], people[real], lacking[real]
        similarity = self.unclaimed.similarity[faces]  # to the last bit what the faces say
        others = np.flatnonzero(self.unclaimed.nearest[faces] != people)
        similarity[others] = self.comparison.cosines(
            self.unclaimed.rows[faces[others]], people[others]
        )
        rows = self.unclaimed.faces.select(["photo", "face_id"]).take(pa.array(faces))
        columns = {
            "photo": rows["photo"],
            "face_id": rows["face_id"],
            "person_id": take_or_null(self.person_ids, people),
            "similarity": np.minimum(similarity, np.float32(1)),
            "lacking": lacking,
        }
        return pa.table(columns, schema=CANDIDATES)


class _ScopeSearch:
    """The best face of each of a scope's people so far."""

    def __init__(self, scope: Scope, people: Numbers) -> None:
        self.scope, self.people = scope, people
        self.chosen: Chosen | None = None
        self.face = np.full(len(people), NONE, np.int64)
        self.lacking = np.full(len(people), np.inf, np.float32)


def _let_go(kept: list[_ScopeSearch], staying: list[_ScopeSearch]) -> list[_ScopeSearch]:
    """The searches that keep their people's references; the others give theirs back."""
    still = {id(search) for search in staying}
    for search in kept:
        if id(search) not in still:
            search.chosen = None
    return staying


class _Found:
    """Candidates as they are found: face, person, what it lacks."""

    def __init__(self) -> None:
        self._parts: list[Sequence[NDArray[np.generic]]] = []

    def add(self, face: Numbers, person: Numbers, lacking: Floats) -> None:
        self._parts.append((face, person, lacking))

    def columns(self) -> tuple[Numbers, Numbers, Floats]:
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        one, two, three = (np.concatenate(part) for part in zip(empty, *self._parts, strict=True))
        return one, two, three


def _barred(
    free: pa.Table, person_ids: pa.Array, rejected: Collection[tuple[str, str]]
) -> dict[int, list[int]]:
    """The people, by position, whom each unclaimed face was said not to be."""
    by_face: defaultdict[str, list[str]] = defaultdict(list)
    for face, person in rejected:
        by_face[face].append(person)
    at = np.flatnonzero(as_bool(isin(free["face_id"], by_face)))
    ids = free["face_id"].take(pa.array(at)).to_pylist()
    everybody = sorted({person for _, person in rejected})
    position = dict(
        zip(everybody, index_of(pa.array(everybody, pa.string()), person_ids), strict=True)
    )
    return {
        row: [int(position[person]) for person in by_face[face]]
        for row, face in zip(at.tolist(), ids, strict=True)
    }


def _floats(column: pa.ChunkedArray) -> Floats:
    """A column of cosines, NaN where it is null."""
    values = pc.fill_null(one_array(column), float("nan")).to_numpy(zero_copy_only=False)
    return np.asarray(values, np.float32)
