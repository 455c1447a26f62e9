"""Links: a person's answer that two faces or clusters are one person, or two; check and record."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headcount import audit
from headcount.answers.kept import holding, read_answers, record_answer
from headcount.answers.record import Answer, FaceMark, What
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.people.latest_assignments import (
    LatestAssignments,
    Selection,
    find_both,
    marks,
    read_latest,
)

JOINED = 10_000
"""Faces of a cluster that a link binds, at most, the best ones: 2 MB of the record. The other faces
of a larger cluster are near enough to follow by themselves."""
PARTED = 500
"""Faces of a cluster that are kept apart from another's, at most: every pair of them is a rule."""

COLUMNS = ("one", "other", "decision")
WORDS = {"together": False, "apart": True}
"""Values of the column decision, and whether each keeps the pair apart."""
SHOWN = 20
"""Bad lines of a file named in a message, at most."""

Marks = tuple[FaceMark, ...]
Saying = tuple[What, frozenset[str]]
"""An answer's action and its faces."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link to record: the faces of both sides, and their clusters."""

    apart: bool
    one: Marks
    other: Marks
    names: tuple[str, str]
    """Ids of the clusters that the two sides are, or are in, now."""
    source: str

    @property
    def action(self) -> What:
        """What of the answer: same or different."""
        return "apart" if self.apart else "same"

    @property
    def saying(self) -> Saying:
        """What and faces of the answer."""
        return self.action, _ids(self.one) | _ids(self.other)

    @property
    def of_faces(self) -> bool:
        """Whether both sides are single faces."""
        return len(self.one) == len(self.other) == 1

    @property
    def joins(self) -> bool:
        """Whether each side has a photo without a face of the other: else a merge has no effect."""
        photos = [{mark.content for mark in side} for side in (self.one, self.other)]
        return not (photos[0] <= photos[1] or photos[1] <= photos[0])


def check_link(
    store: Store,
    one: str,
    other: str,
    s3: S3Settings,
    *,
    apart: bool,
    among: Iterable[LatestAssignments] | None = None,
) -> Link:
    """Link of two faces or clusters, given by their ids.

    ``among``: the latest assignments, if they were read already. Raises FatalError for unknown ids,
    the same id twice, or ids of two collections.
    """
    if one == other:
        raise FatalError(f"{one} is given twice: name two faces or clusters")
    selected = find_both(store, one, other, among)
    sides = _sides(store, (one, other), selected, s3, apart=apart)
    if not (sides[0] and sides[1]) or _ids(sides[0]) == _ids(sides[1]):
        raise FatalError(f"{one} and {other} are not two faces that can be judged")
    names = selected[0].cluster_id or "", selected[1].cluster_id or ""
    link = Link(apart, *sides, names, selected[0].latest.uri)
    if not (apart or link.of_faces or link.joins):
        raise FatalError(
            f"{one} and {other} are in the same photos, and nobody is in a photo twice: link two "
            "of their faces, where it is a mirror or a collage"
        )
    return link


def _sides(
    store: Store,
    what: tuple[str, str],
    selected: tuple[Selection, Selection],
    s3: S3Settings,
    *,
    apart: bool,
) -> tuple[Marks, Marks]:
    """Faces of the two sides; for clusters that were merged since, the faces of their link."""
    clusters = [w not in p.face_ids for w, p in zip(what, selected, strict=True)]
    if all(clusters) and selected[0].cluster_id == selected[1].cluster_id:
        return _once_linked(store, what, apart=apart)
    most = PARTED if apart else JOINED
    one, other = (
        marks(store, faces, s3)[:most] if whole else marks(store, faces, s3, best=1)
        for faces, whole in zip(selected, clusters, strict=True)
    )
    if clusters[0]:
        one = tuple(mark for mark in one if clusters[1] or mark not in other)
    elif clusters[1]:
        other = tuple(mark for mark in other if mark not in one)
    return one, other


def _once_linked(store: Store, what: tuple[str, str], *, apart: bool) -> tuple[Marks, Marks]:
    """Sides of the link that merged these clusters. Raises FatalError where there is none."""
    if apart:
        for decision in reversed(holding(read_answers(store))):
            if decision.what == "same" and set(decision.clusters) == set(what):
                one, other = (
                    tuple(m for m in decision.faces if m.side == side)[:PARTED] for side in (0, 1)
                )
                return one, other
        raise FatalError(
            f"{what[0]} and {what[1]} are one cluster: give two of its faces instead, of two people"
        )
    raise _OneAlready(f"{what[0]} and {what[1]} are one cluster already")


class _OneAlready(FatalError):
    """Error where two clusters that are to be linked are one already."""


def _ids(marked: Marks) -> frozenset[str]:
    return frozenset(mark.face_id for mark in marked)


def keep_link(store: Store, link: Link) -> None:
    """Record a link in the archive, for every later run."""
    audit.record(store, "split" if link.apart else "merge", link.names[0], other=link.names[1])
    sides = [
        mark.model_copy(update={"side": side})
        for side, marked in enumerate((link.one, link.other))
        for mark in marked
    ]
    record_answer(
        store,
        link.action,
        tuple(sides),
        source=link.source,
        clusters=() if link.of_faces else link.names,
    )


# -- files ----------------------------------------------------------------------------------------


def check_file(store: Store, path: Path, s3: S3Settings) -> tuple[list[Link], int]:
    """Links of a CSV file that are to be recorded, and the number of others that hold already.

    Raises FatalError that names each bad line.
    """
    among, kept = list(read_latest(store)), holding(read_answers(store))
    links, joined, bad = [], 0, []
    for number, row in _lines(path):
        try:
            links.append(_check_line(store, row, s3, among))
        except _OneAlready:
            joined += 1
        except FatalError as error:
            bad.append(f"line {number}: {error}")
    if bad:
        more = f"\nand {len(bad) - SHOWN:,} more lines" if len(bad) > SHOWN else ""
        lines = "\n".join(bad[:SHOWN])
        raise FatalError(f"nothing of {path} was recorded; put these right first:\n{lines}{more}")
    fresh = unsaid(links, kept)
    return fresh, joined + len(links) - len(fresh)


def _lines(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their line numbers. Raises FatalError where columns are missing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            rows = [(reader.line_num, row) for row in reader]
            names = reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise FatalError(f"{path} is no CSV file in UTF-8: {error}") from error
    if not set(COLUMNS) <= set(names):
        raise FatalError(f"the first line of {path} must name the columns {', '.join(COLUMNS)}")
    return [(number, {name: row[name].strip() for name in COLUMNS}) for number, row in rows]


def _check_line(
    store: Store, row: dict[str, str], s3: S3Settings, among: Sequence[LatestAssignments]
) -> Link:
    if row["decision"] not in WORDS:
        raise FatalError(
            f"the decision is {row['decision'] or 'missing'}: write {' or '.join(WORDS)}"
        )
    apart = WORDS[row["decision"]]
    return check_link(store, row["one"], row["other"], s3, apart=apart, among=among)


def unsaid(links: Sequence[Link], kept: Iterable[Answer]) -> list[Link]:
    """Links of a file that do not hold yet, in order.

    Where lines contradict each other the last holds, however often the file is given: a later
    line of the file is no reason to record an earlier one again.
    """
    told = _Told(kept, links)
    fresh = []
    for line, link in enumerate(links):
        if not told.holds(link.saying, line):
            told.add(link.saying)
            fresh.append(link)
    return fresh


class _Told:
    """Recorded links in order, by face, and the last line of each link in a file."""

    def __init__(self, kept: Iterable[Answer], links: Sequence[Link]) -> None:
        self._all: list[Saying] = []
        self._of: defaultdict[str, list[int]] = defaultdict(list)
        self._last = {link.saying: line for line, link in enumerate(links)}
        for decision in kept:
            if decision.what in ("same", "apart"):
                self.add((decision.what, _ids(decision.faces)))

    def add(self, saying: Saying) -> None:
        """Add a link as the latest."""
        for face in saying[1]:
            self._of[face].append(len(self._all))
        self._all.append(saying)

    def holds(self, saying: Saying, line: int) -> bool:
        """Whether a link is recorded and contradicted since by nothing except later lines."""
        about = {number for face in saying[1] for number in self._of.get(face, ())}
        for number in sorted(about, reverse=True):
            other = self._all[number]
            if other == saying:
                return True
            if other[0] != saying[0] and self._last.get(other, -1) < line:
                return False
        return False
