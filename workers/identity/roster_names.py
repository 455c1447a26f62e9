"""Names that only a roster gives: people expected in a photo, put to its unclaimed faces.

A roster says of a face that it is one of a few people, not of a whole gallery: less likeness is
enough. Whoever is recognised without it stays so, and so does what people said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.vocabulary import EXPECTED_HERE, Decision
from workers.faces.evidence import Floats
from workers.identity.candidates import Search, UnclaimedFaces
from workers.identity.one_to_one import assign_one_to_one
from workers.tables.columns import NONE, Numbers, as_bool, index_of, take_or_null

HERE = 0.5
"""Chance that somebody who is expected in a photo and was not found is one of its unclaimed faces,
before these were looked at: most rosters are better, so that probabilities are on the low side."""


@dataclass(frozen=True, slots=True)
class RosterRule:
    """The likeness from which a roster is evidence enough for a name.

    ``evidence_at`` is the evidence that a share of impostor pairs reaches; ``false_positives`` the
    share of strangers who may be given a name in the whole gallery; ``threshold`` and ``margin``
    are those of a match; ``calibration`` is the logistic from evidence to a probability.
    """

    evidence_at: Callable[[float], float]
    false_positives: float
    threshold: float
    margin: float
    calibration: tuple[float, float] | None

    def cut(self, references: int, faces: int) -> float:
        """The least evidence for a name, in a photo of so many unclaimed faces.

        ``references`` are those of the k people who are expected and not found: with k x f pairs
        of a reference and a face of somebody else, a wrong name has a chance of about
        k x f x FMR(evidence). It is that at which this is ``false_positives``.
        """
        return self.evidence_at(self.false_positives / max(references * faces, 1))

    def probability(self, evidence: Floats, faces: int) -> NDArray[np.float64]:
        """N x P chances that each of N faces is each of P expected people; NaN uncalibrated.

        Bayes' rule over "nobody of these" and the P people, of whom each is one of the photo's
        ``faces`` unclaimed faces with the chance HERE. The logistic was fitted with as many
        genuine as impostor pairs, so that its odds are the likelihood ratio of the evidence.
        """
        if self.calibration is None:
            return np.full(evidence.shape, np.nan)
        slope, intercept = self.calibration
        share = HERE / max(faces, 1)
        odds = np.exp(np.clip(slope * evidence.astype(np.float64) + intercept, -50, 50))
        odds *= share / (1 - share)
        chances: NDArray[np.float64] = odds / (1 + odds.sum(axis=1, keepdims=True))
        return chances


@dataclass(frozen=True, slots=True)
class Named:
    """A face by its row among all faces, the position of its person, and how sure that is."""

    row: int
    person: int
    probability: float


def name_expected(
    faces: pa.Table,
    expectations: Iterable[pa.Table],
    search: Search,
    rule: RosterRule,
    *,
    references: Numbers,
    spoken_for: Collection[str] = (),
) -> list[Named]:
    """The names that only the roster gives to faces of a run.

    ``references`` (P) is the number of each person's references. Faces ``spoken_for``, by id, are
    those that somebody named: they are left alone.
    """
    pairs = search.expected_pairs(expectations)
    pairs = np.setdiff1d(pairs, _claimed_pairs(faces, search))
    open_faces = _open_faces(search.unclaimed, spoken_for)
    found: list[Named] = []
    for number, people in search.grouped(pairs):
        at = search.unclaimed.in_photo(number)
        at = at[open_faces[at]]
        if len(at):
            found.extend(_name_in_photo(at, people, search, rule, references))
    return found


def _name_in_photo(
    at: Numbers, people: Numbers, search: Search, rule: RosterRule, references: Numbers
) -> Iterator[Named]:
    """The faces of one photo that are given the names of people who are expected and not found."""
    unclaimed = search.unclaimed
    evidence = search.comparison.evidence(unclaimed.rows[at], people)
    cut = rule.cut(int(references[people].sum()), len(at))
    allowed = evidence >= cut
    if not allowed.any():
        return
    others, barred = unclaimed.others(at, people), unclaimed.barred_among(at, people)
    # whoever is like somebody else, matched or not, is that one's by all that is known
    allowed &= ~barred & ((others < rule.threshold) | (evidence >= others - rule.margin))
    weights = np.where(allowed, evidence - cut + 1e-6, 0).astype(np.float64)
    pairs = assign_one_to_one(weights)
    evidence = np.where(barred, -1, evidence)
    chances = rule.probability(evidence, len(at))
    for row, column in pairs:
        if _is_clear(row, column, pairs, evidence, rule.margin):
            yield Named(int(unclaimed.rows[at[row]]), int(people[column]), chances[row, column])


def _is_clear(
    row: int, column: int, pairs: list[tuple[int, int]], evidence: Floats, margin: float
) -> bool:
    """Whether a face leads by the margin over all other ways to give the names.

    These are a name that no face got, and the name of another face in exchange.
    """
    got = {taken: face for face, taken in pairs}
    for other in range(evidence.shape[1]):
        lead = evidence[row, column] - evidence[row, other]
        if other == column:
            continue
        if other in got:
            lead += evidence[got[other], other] - evidence[got[other], column]
        if lead < margin:
            return False
    return True


def with_names(
    faces: pa.Table, named: Collection[Named], ids: pa.Array, names: pa.Array
) -> pa.Table:
    """The faces with these names: inferred, since their people were expected there."""
    person = np.full(faces.num_rows, NONE, np.int64)
    chance = np.full(faces.num_rows, np.nan, np.float32)
    for one in named:
        person[one.row], chance[one.row] = one.person, one.probability
    inferred = pa.array(person != NONE)
    given = {
        "decision": pa.scalar(Decision.INFERRED.value),
        "person_id": take_or_null(ids, person),
        "person": take_or_null(names, person),
        "probability": pa.array(chance, pa.float32(), from_pandas=True),
        "evidence": pa.scalar(EXPECTED_HERE),
    }
    for name, column in given.items():
        place = faces.schema.get_field_index(name)
        faces = faces.set_column(place, name, pc.if_else(inferred, column, faces[name]))
    return faces


def _claimed_pairs(faces: pa.Table, search: Search) -> Numbers:
    """The pairs of a photo and a person who was found in it: nobody is in a photo twice."""
    named = faces.select(["photo", "person_id"]).filter(pc.is_valid(faces["person_id"]))
    return search.pairs(named["photo"], named["person_id"])


def _open_faces(unclaimed: UnclaimedFaces, spoken_for: Collection[str]) -> NDArray[np.bool_]:
    """Which unclaimed faces a roster may name: good enough to judge, and named by nobody."""
    unknown = as_bool(pc.equal(unclaimed.faces["decision"], Decision.UNKNOWN.value))
    named = index_of(unclaimed.faces["face_id"], pa.array(sorted(spoken_for), pa.string()))
    open_faces: NDArray[np.bool_] = unknown & (named == NONE)
    return open_faces
