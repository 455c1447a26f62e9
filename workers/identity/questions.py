"""Questions to a person about unnamed faces, as they are handed out."""

from __future__ import annotations

from dataclasses import dataclass

from workers.tables.columns import Numbers

SHOWN = 8
"""Faces of a question that are shown: the best, and the least alike of the others."""


@dataclass(frozen=True, slots=True)
class Question:
    """A group of unnamed faces, and whom it may be.

    ``rows`` are the faces, ``shown`` those to look at, SHOWN at most: the best, and then those
    least like the others. ``person`` is a position, NONE where nobody is likely; ``similarity`` is
    the evidence for that person and ``chance`` that it is right.
    """

    group: int
    rows: Numbers
    shown: Numbers
    person: int
    similarity: float
    chance: float

    @property
    def gain(self) -> float:
        """Faces that a yes is expected to name."""
        return self.chance * len(self.rows)


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Another unnamed group, and the evidence that both are one person."""

    group: int
    similarity: float
