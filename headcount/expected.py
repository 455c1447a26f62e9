"""The list of people who are expected in photos: a CSV of photo and person."""

from __future__ import annotations

import csv
import io

from headcount.errors import FatalError


def parse_expected(text: str, source: str) -> list[tuple[str, str]]:
    """The pairs of a CSV with the columns ``photo`` and ``person``; raises FatalError.

    Lines that lack one of the two expect nobody.
    """
    rows = csv.DictReader(io.StringIO(text))
    try:
        if not {"photo", "person"} <= set(rows.fieldnames or ()):
            raise FatalError(
                f"{source}: expected a CSV whose first line names the columns photo,person"
            )
        pairs = [((row["photo"] or "").strip(), (row["person"] or "").strip()) for row in rows]
    except csv.Error as error:
        raise FatalError(f"{source} is no CSV after line {rows.line_num}: {error}") from error
    return [(photo, person) for photo, person in pairs if photo and person]
