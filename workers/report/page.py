"""The report: HTML files with everything in them, readable without network or server."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from headcount.assignments.checks import figures
from headcount.contract import results
from headcount.contract.vocabulary import EXPECTED_HERE, Decision
from headcount.rosters.statuses import MISSING, NEAR_MISS
from headcount.text import counted, older_reading, script_json
from workers.report import looks, phrases
from workers.report.labels import numbers_in_place_of_names
from workers.report.missing_data import embedded_rows, plain_rows
from workers.report.palette import TONES, css_variables
from workers.report.parts import split
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
    """Render the first page; it is the only one but for large reports."""
    return render_pages(report)[results.REPORT]


def render_pages(report: Report) -> dict[str, str]:
    """Render the pages as texts, to be stored as UTF-8, by their keys among the results.

    A page fetches nothing: pictures are data URIs, and a content security policy forbids all
    else. Keys and names may hold any character; lone surrogates, which UTF-8 cannot encode, are
    replaced.
    """
    blocks = split(report)
    places = _places(blocks)
    common = _common(report, blocks, places)
    pages = {}
    for number, photos in enumerate(blocks, start=1):
        portraits = _portraits(report, None if number == 1 else photos)
        own = {
            "photos": photos,
            "number": number,
            "portraits": portraits,
            "search": _search_data(common, number),
            "missing_rows": _missing_rows(report, places, portraits) if number == 1 else "",
        }
        template = "page.html" if number == 1 else "photos.html"
        text = _environment().get_template(template).render(common | own)
        pages[_key(number)] = text.encode("utf-8", "replace").decode("utf-8")
    return pages


def _common(
    report: Report, blocks: Sequence[Sequence[ShownPhoto]], places: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """The values of all pages."""
    numbers = {name: number for number, name in enumerate(_filter_names(report))}
    older = older_reading(report.older_reading).split("`") if report.older_reading else []
    return {
        "report": report,
        "sentence": phrases.sentence(report),
        "checked": figures.block(report.checked),
        "older": older,
        "why": phrases.why,
        "numbers_in_place_of_names": numbers_in_place_of_names,
        "expected_here": EXPECTED_HERE,
        "remedy": phrases.remedy,
        "filter_words": filter_words,
        "people_shown": [person for person in report.people if person.shown],
        "links": {key: _href(1, *place) for key, place in places.items()},
        "plain_rows": plain_rows(report.missing) if report.missing else [],
        "cluster_places": {c.cluster_id: n for n, c in enumerate(report.clusters, start=1)},
        "numbers": numbers,
        "entries": _entries(blocks, numbers),
        "cards": {key: number for key, (_, number) in places.items()},
        "most_seconds": max(report.seconds.values(), default=0.0),
        "pages": [(n, _file(n), len(photos)) for n, photos in enumerate(blocks, start=1)],
        "looks": looks.shown_lines(report.looks),
        "command": partial(looks.command, report.spec.archive),
    }


def _places(blocks: Sequence[Sequence[ShownPhoto]]) -> dict[str, tuple[int, int]]:
    """The page and the number of each photo that is shown."""
    pages = ((page, photo) for page, photos in enumerate(blocks, start=1) for photo in photos)
    return {photo.key: (page, n) for n, (page, photo) in enumerate(pages, start=1)}


def _key(page: int) -> str:
    return results.REPORT if page == 1 else results.REPORT_PAGE.format(number=page)


def _file(page: int) -> str:
    return _key(page).rpartition("/")[2]


def _href(here: int, page: int, photo: int) -> str:
    """Link from a page to a photo."""
    return f"{'' if page == here else _file(page)}#photo-{photo}"


def data_uri(picture: bytes) -> str:
    """Data URI of a JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")


def link(path: str) -> str:
    """Relative URL of a file; every character of its path is kept or quoted."""
    return quote(path.lstrip("/"), safe="/", errors="replace")


def along(value: float | None) -> str:
    """Position of a similarity on a bar from 0 to 1, in percent for CSS."""
    return f"{100 * min(max(value or 0.0, 0.0), 1.0):.1f}%"


def filter_words(photo: ShownPhoto, numbers: Mapping[str, int]) -> str:
    """Words by which the page's filter finds a photo: decisions, and people by their number."""
    words = {str(face.decision) for face in photo.faces}
    if photo.missing:
        words.add("missing")
    present = {face.person for face in photo.faces if face.person} | set(photo.missing)
    words.update(f"p{numbers[name]}" for name in present)
    return " ".join(sorted(words))


def _entries(
    blocks: Sequence[Sequence[ShownPhoto]], numbers: Mapping[str, int]
) -> list[tuple[int, str, str, str]]:
    """The page, key, words and time of each photo, as the search on other pages needs them."""
    return [
        (
            page,
            photo.key,
            filter_words(photo, numbers),
            photo.taken.isoformat() if photo.taken else "",
        )
        for page, photos in enumerate(blocks, start=1)
        for photo in photos
    ]


def _search_data(common: Mapping[str, Any], here: int) -> str:
    """JSON for the search: the names, and the photos on other pages than this one."""
    others = [entry for entry in common["entries"] if entry[0] != here]
    files = [file for _, file, _ in common["pages"]]
    return script_json({"names": list(common["numbers"]), "files": files, "others": others})


def state_link(**state: str) -> str:
    """Link to the page with its search set."""
    return "#" + urlencode({name: text for name, text in state.items() if text}, errors="replace")


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


def _portraits(report: Report, photos: Sequence[ShownPhoto] | None) -> dict[str, tuple[int, str]]:
    """CSS class number and crop of each person with a usable reference, by name.

    The crop is shown beside each of the person's faces; as a class it is stored once. Of a further
    page only the people in its ``photos`` have one.
    """
    crops = [(p.person, next((s.crop for s in p.shown if s.crop), b"")) for p in report.people]
    if report.missing:
        crops += report.missing.references.items()
    crops += [(one.look.person, one.reference) for one in report.looks]
    here = None if photos is None else {face.person for photo in photos for face in photo.faces}
    found: dict[str, tuple[int, str]] = {}
    for person, crop in crops:
        if crop and (here is None or person in here):
            found.setdefault(person, (len(found) + 1, data_uri(crop)))
    return found


def _missing_rows(
    report: Report,
    places: Mapping[str, tuple[int, int]],
    portraits: Mapping[str, tuple[int, str]],
) -> str:
    """The rows of the section "Missing" as JSON for its script; nothing where nobody is missing."""
    if report.missing is None or not report.missing.rows.num_rows:
        return ""
    classes = {person: number for person, (number, _) in portraits.items()}
    cards = {key: _href(1, *place) for key, place in places.items()}
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
        data_uri=data_uri,
        link=link,
        along=along,
        size=size,
        csp_hash=_csp_hash,
        reason=looks.reason,
        alike=looks.alike,
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
        state_link=state_link,
        kinds=looks.KINDS,
        answers_header=looks.HEADER,
        answers_file=looks.ANSWERS_FILE,
    )
    return environment
