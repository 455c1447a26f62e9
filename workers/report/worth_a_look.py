"""Faces that are worth a look: names that nearly were, and names that nearly were not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.vocabulary import DISMISSED, NAMED_BY_PERSON, Decision
from headcount.rosters.statuses import NEAR_MISS
from workers.tables.columns import Numbers, as_bool, factorize, isin

SMALL_LEAD = 0.05
"""Lead over the runner-up, beyond the margin that a match needs, below which two people are close.
As many cosine points as a near miss lacks."""
LEAST_SHARE = 0.75
"""Evidence for somebody, as a share of the threshold, below which an unknown face is a stranger."""
ROUNDING = 1e-6
"""What float32 makes of 0.05 is a little more than it."""


class Kind(StrEnum):
    """The cause for which a face is worth a look."""

    NEAR_MISS = "near_miss"
    INFERRED = "inferred"
    SMALL_MARGIN = "small_margin"
    NEAREST = "nearest"


TURNS = (
    Kind.NEAR_MISS,
    Kind.INFERRED,
    Kind.NEAR_MISS,
    Kind.SMALL_MARGIN,
    Kind.NEAR_MISS,
    Kind.NEAREST,
)
"""The kinds in the order in which they take turns: an answer to a near miss tells most, and no kind
is crowded out. A kind that has no more faces is passed over."""

_ANOTHER = 2.0
"""More than two cosines differ by: an inferred face that is more like somebody else comes first."""

COLUMNS = (
    "photo",
    "face_id",
    "decision",
    "evidence",
    "person",
    "person_id",
    "nearest",
    "nearest_person_id",
    "similarity",
    "discount",
    "margin",
    "runner_up",
    "cluster_id",
    "reference",
)


@dataclass(frozen=True, slots=True)
class Look:
    """A face, and the person that it is asked about.

    ``alike`` counts further faces of its cluster for which the same is asked. ``reference`` is the
    folder or collection and the photo of the nearest reference, if it is this person's.
    """

    kind: Kind
    photo: str
    face_id: str
    person: str
    person_id: str
    cluster_id: str | None = None
    alike: int = 0
    reference: str | None = None


def worth_a_look(
    faces: pa.Table,
    *,
    threshold: float,
    margin: float,
    dismissed: Collection[str] = (),
    limit: int,
) -> list[Look]:
    """Choose ``limit`` faces at most, those first of which an answer tells most.

    ``faces`` has COLUMNS. A match needs the evidence ``threshold`` and the lead ``margin``.
    Faces of ``dismissed`` clusters are left out, and those that a person named or dismissed.
    """
    if not faces.num_rows or not limit:
        return []
    rows = faces.select(COLUMNS)
    ranked = _ranked(rows, threshold, margin, dismissed)
    queues = {kind: _grouped(rows, kind, order)[:limit] for kind, order in ranked.items()}
    chosen = _in_turn({kind: list(reversed(queue)) for kind, queue in queues.items()}, limit)
    return [_look(rows, kind, row, alike) for kind, row, alike in chosen]


def _ranked(
    rows: pa.Table, threshold: float, margin: float, dismissed: Collection[str]
) -> dict[Kind, Numbers]:
    """The rows of each kind, the most doubtful first."""
    evidence = _floats(rows["similarity"]) - np.nan_to_num(_floats(rows["discount"]))
    lead = _floats(rows["margin"])
    short = threshold - evidence
    said = as_bool(isin(rows["evidence"], [NAMED_BY_PERSON, DISMISSED]))
    judged = ~said & ~as_bool(isin(rows["cluster_id"], dismissed)) & ~np.isnan(evidence)
    unknown = judged & as_bool(isin(rows["decision"], [Decision.UNKNOWN]))
    matched = judged & as_bool(isin(rows["decision"], [Decision.MATCHED]))
    inferred = judged & as_bool(isin(rows["decision"], [Decision.INFERRED]))
    near = unknown & (short > 0) & (short <= NEAR_MISS + ROUNDING)
    close = (matched | (unknown & (short <= 0))) & (lead < margin + SMALL_LEAD)
    like = unknown & ~near & (evidence >= LEAST_SHARE * threshold) & ~close
    return {
        Kind.NEAR_MISS: _sorted(near, short),
        Kind.INFERRED: _sorted(inferred, evidence - _ANOTHER * _of_another(rows)),
        Kind.SMALL_MARGIN: _sorted(close, np.abs(lead - margin)),
        Kind.NEAREST: _sorted(like, short),
    }


def _of_another(rows: pa.Table) -> NDArray[np.bool_]:
    """Whether the nearest person is another one than the face is named after."""
    same = pc.equal(rows["person_id"], rows["nearest_person_id"])
    return ~as_bool(same)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers of a column; null is NaN."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _sorted(chosen: NDArray[np.bool_], doubt: NDArray[np.float64]) -> Numbers:
    """The chosen rows by their doubt, ties in the order of rows."""
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(doubt[rows], kind="stable")]


def _grouped(rows: pa.Table, kind: Kind, order: Numbers) -> list[tuple[int, int]]:
    """The first row of each group that one answer is about, with the number of its others.

    A group are the faces of one cluster for which the same person is asked. A small margin is a
    question about one face.
    """
    if kind is Kind.SMALL_MARGIN or not len(order):
        return [(row, 0) for row in order.tolist()]
    taken = rows.select(["cluster_id", "face_id", *_asked(kind)]).take(pa.array(order))
    group = factorize(pc.coalesce(taken["cluster_id"], taken["face_id"]))[0]
    person = factorize(taken[_asked(kind)[0]])[0]
    keys = group * (person.max() + 1) + person
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    by_doubt = np.argsort(first)
    pairs = zip(order[first[by_doubt]].tolist(), counts[by_doubt].tolist(), strict=True)
    return [(row, count - 1) for row, count in pairs]


def _asked(kind: Kind) -> tuple[str, str]:
    """The columns of the person about whom is asked: id and name."""
    named = kind is Kind.INFERRED
    return ("person_id", "person") if named else ("nearest_person_id", "nearest")


def _in_turn(
    queues: Mapping[Kind, list[tuple[int, int]]], limit: int
) -> Iterator[tuple[Kind, int, int]]:
    """Yield rows of the kinds as their TURNS come; each queue's last one is its first."""
    left = limit
    for kind in cycle(TURNS):
        if not left or not any(queues.values()):
            return
        if queues[kind]:
            left -= 1
            yield (kind, *queues[kind].pop())


def _look(rows: pa.Table, kind: Kind, row: int, alike: int) -> Look:
    [values] = rows.slice(row, 1).to_pylist()
    id_column, name_column = _asked(kind)
    person_id = values[id_column]
    return Look(
        kind=kind,
        photo=values["photo"],
        face_id=values["face_id"],
        person=values[name_column],
        person_id=person_id,
        cluster_id=values["cluster_id"],
        alike=alike,
        reference=values["reference"] if values["nearest_person_id"] == person_id else None,
    )
