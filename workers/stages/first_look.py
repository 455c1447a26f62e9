"""The photos that a first look is about: what is told of a run is told of these alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.record import read_record
from headcount.contract.stored.jobs import FirstLookRecord
from headcount.rosters.read import EVERY
from headcount.rosters.scopes import Scopes
from headcount.rosters.statuses import MET, Status
from workers.runtime.unit import Unit
from workers.tables.columns import as_bool

_SAID_OF_SOME = (*MET, Status.NOT_ENROLLED)
"""Statuses of `some` photo of a scope that further photos do not take back."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The drawn photos, the number ``total`` that they were drawn from, and a roster's ``scopes``.

    ``scopes`` has how many photos of the whole collection are in each; those that are not in it
    are one photo.
    """

    photos: pa.Array
    total: int
    scopes: Mapping[str, int]

    @classmethod
    def of(cls, unit: Unit) -> FirstLook | None:
        """The first look that a unit's job is; None where it is about all photos."""
        if unit.spec.first is None:
            return None
        record = read_record(unit.store, unit.keys.first_look, FirstLookRecord)
        return cls(pa.array(record.photos, pa.string()), record.total, record.scopes)

    def mask(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Whether each row of a table is of a drawn photo, by its column ``photo``."""
        return as_bool(pc.is_in(rows["photo"], value_set=self.photos))

    def of_drawn(self, rows: pa.Table) -> pa.Table:
        """The rows of drawn photos, in their order."""
        return rows.filter(pc.is_in(rows["photo"], value_set=self.photos))

    def sayable(self, expected: pa.Table, drawn: Scopes) -> pa.Table:
        """The expectations of which the drawn photos can say something.

        ``drawn`` are the scopes held against these photos alone. Left out are those of scopes
        without a drawn photo, unless the whole collection has none either, and those of some photo
        of a scope that is drawn in part: who was not found may be in another photo of it.
        """
        here = {scope.text: scope.photos for scope in drawn.values()}
        texts = list(here)
        all_drawn = pa.array([here[t] >= self.scopes.get(t, 1) for t in texts], pa.bool_())
        any_drawn = pa.array([here[t] > 0 for t in texts], pa.bool_())
        at = pc.index_in(expected["scope"], value_set=pa.array(texts, pa.string()))
        enough = pc.or_(
            pc.equal(expected["needed"], EVERY),
            pc.is_in(expected["status"], value_set=pa.array(_SAID_OF_SOME, pa.string())),
        )
        some_drawn = pc.and_(any_drawn.take(at.combine_chunks()), enough)
        return expected.filter(pc.or_(all_drawn.take(at.combine_chunks()), some_drawn))
