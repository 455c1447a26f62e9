"""The words of a caption: names of a row of people, from left to right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

UNNAMED = "unknown"
"""What a caption says of a face without a name."""


def caption_text(
    lead: str, names: Sequence[str | None], doubtful: Collection[str] = frozenset()
) -> str:
    """The caption of a row: a lead such as "Front row, from left", and its names."""
    said = ", ".join(_said(name, doubtful) for name in names)
    return f"{lead}: {said}" if lead else said


def _said(name: str | None, doubtful: Collection[str]) -> str:
    if name is None:
        return UNNAMED
    return f"[{name}]" if name in doubtful else name


def lead_of(row: int, rows: int, people: int) -> str:
    """The words before the names of a row of ``people``: row 1 of ``rows`` is at the back.

    A person alone in a photo needs none.
    """
    if rows == 1:
        return "From left" if people > 1 else ""
    ends = {1: "back", rows: "front"}
    if rows == 2:
        place = f"{ends[row].capitalize()} row"
    else:
        place = f"Row {row} ({ends[row]})" if row in ends else f"Row {row}"
    return f"{place}, from left" if people > 1 else place
