"""The report page: one HTML file with everything in it, readable without network or server."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from headcount.assignments.checks import figures
from headcount.contract.vocabulary import EXPECTED_HERE, Decision
from headcount.rosters.statuses import MISSING, NEAR_MISS
from headcount.text import counted, older_reading
from workers.report import phrases
from workers.report.missing_data import embedded_rows, plain_rows
from workers.report.palette import TONES, css_variables
from workers.report.view import UNTOLD, Report, ShownPhoto

ROWS_OPEN = 12
"""Rows of faces that are open from the start; further rows of a photo unfold."""

_FILTERS = (
    phrases.number,
    phrases.moment,
    counted,
    phrases.score,
    phrases.percent,
    phrases.duration,
    phrases.picture,
)


def render(report: Report) -> str:
    """Render the page as text, to be stored as UTF-8.

    The page fetches nothing: pictures are data URIs, and a content security policy forbids all
    else. Keys and names may hold any character; lone surrogates, which UTF-8 cannot encode, are
    replaced.
    """
    page, portraits = _environment().get_template("page.html"), _portraits(report)
    cards = {photo.key: number for number, photo in enumerate(report.shown, start=1)}
    text = page.render(
        report=report,
        sentence=phrases.sentence(report),
        checked=figures.block(report.checked),
        older=older_reading(report.older_reading).split("`") if report.older_reading else [],
        why=phrases.why,
        expected_here=EXPECTED_HERE,
        remedy=phrases.remedy,
        filter_words=filter_words,
        people_shown=[person for person in report.people if person.shown],
        portraits=portraits,
        cards=cards,
        missing_rows=_missing_rows(report, cards, portraits),
        plain_rows=plain_rows(report.missing) if report.missing else [],
        cluster_places={c.cluster_id: n for n, c in enumerate(report.clusters, start=1)},
        filter_names=_filter_names(report),
        most_seconds=max(report.seconds.values(), default=0.0),
    )
    return text.encode("utf-8", "replace").decode("utf-8")


def data_uri(picture: bytes) -> str:
    """Data URI of a JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")


def link(path: str) -> str:
    """Relative URL of a file; every character of its path is kept or quoted."""
    return quote(path.lstrip("/"), safe="/", errors="replace")


def along(value: float | None) -> str:
    """Position of a similarity on a bar from 0 to 1, in percent for CSS."""
    return f"{100 * min(max(value or 0.0, 0.0), 1.0):.1f}%"


def filter_words(photo: ShownPhoto, names: list[str]) -> str:
    """Words by which the page's filter finds a photo: decisions, and people by their number."""
    words = {str(face.decision) for face in photo.faces}
    if photo.missing:
        words.add("missing")
    present = {face.person for face in photo.faces} | set(photo.missing)
    words.update(f"p{number}" for number, name in enumerate(names) if name in present)
    return " ".join(sorted(words))


def size(picture: bytes) -> tuple[int, int]:
    """Width and height of a JPEG in pixels; 3 x 2 of one that cannot be read.

    With them a browser knows how much room a picture takes before it has decoded it.
    """
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            return opened.size
    except OSError:
        return 3, 2


def _filter_names(report: Report) -> list[str]:
    """Sorted names of the people who are in a shown photo or missing from one."""
    names = {face.person for photo in report.shown for face in photo.faces if face.person}
    return sorted(names.union(*(photo.missing for photo in report.shown)))


def _portraits(report: Report) -> dict[str, tuple[int, str]]:
    """CSS class number and crop of each person with a usable reference, by name.

    The crop is shown beside each of the person's faces; as a class it is stored once.
    """
    crops = [(p.person, next((s.crop for s in p.shown if s.crop), b"")) for p in report.people]
    if report.missing:
        crops += report.missing.references.items()
    found: dict[str, tuple[int, str]] = {}
    for person, crop in crops:
        if crop:
            found.setdefault(person, (len(found) + 1, data_uri(crop)))
    return found


def _missing_rows(
    report: Report, cards: Mapping[str, int], portraits: Mapping[str, tuple[int, str]]
) -> str:
    """The rows of the section "Missing" as JSON for its script; nothing where nobody is missing."""
    if report.missing is None or not report.missing.rows.num_rows:
        return ""
    classes = {person: number for person, (number, _) in portraits.items()}
    return embedded_rows(report.missing, cards, classes)


def _csp_hash(script: str) -> str:
    """Hash with which the content security policy allows exactly this script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("workers.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.filters.update(
        data_uri=data_uri, link=link, along=along, size=size, csp_hash=_csp_hash
    )
    environment.globals.update(
        palette=css_variables(),
        tones=TONES,
        decisions=tuple(Decision),
        outcome_words=phrases.OUTCOMES,
        decision_words=phrases.DECISIONS,
        state_words=phrases.STATES,
        missing_words=phrases.STATUSES,
        near_miss=NEAR_MISS,
        absences=MISSING,
        untold=UNTOLD,
        rows_open=ROWS_OPEN,
    )
    return environment
