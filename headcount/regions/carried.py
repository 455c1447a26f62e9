"""The column ``carried``: what a photo's file says of the people and things in it, as JSON.

An object with these members, each left out where the file has none:

- ``regions``: objects with ``format`` (mwg, mp, iptc, acdsee) and, where the file says them,
  ``type``, ``name``, ``box`` (left, top, width, height in shares of the stored picture's sides,
  before its orientation is applied), ``people`` (further names) and ``applied_to`` (width and
  height in pixels that the box was drawn on);
- ``people``: names of ``Iptc4xmpExt:PersonInImage``;
- ``keywords``: lists of texts by where they stand: ``dc:subject``, ``iptc``, and paths as the file
  writes them in ``lr:hierarchicalSubject`` (``People|Ann``) and ``digiKam:TagsList``
  (``People/Ann``);
- ``cut``: true where the file says more than is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import fields
from typing import Any

from headcount.contract.vocabulary import person_id
from headcount.regions import acdsee, iptc, mp, mwg
from headcount.regions.region import Region
from headcount.regions.xmp import Xmp, texts_of

FORMATS = (mwg.read_regions, mp.read_regions, iptc.read_regions, acdsee.read_regions)

KEYWORDS = {
    "dc:subject": "http://purl.org/dc/elements/1.1/subject",
    "lr:hierarchicalSubject": "http://ns.adobe.com/lightroom/1.0/hierarchicalSubject",
    "digiKam:TagsList": "http://www.digikam.org/ns/1.0/TagsList",
}
"""Properties that are lists of keywords, by their usual names."""

MOST, LONGEST = (5_000, 2_000, 500, 50, 0), 400
"""Regions and texts of each list that are kept: the first number that fits; characters of a text,
which are twice those of a person's name."""
LARGEST = 2**20
"""Characters of the JSON. 5,000 faces with names take about half of it."""


def carried_json(xmp: Xmp, iptc_keywords: Iterable[str] = ()) -> str | None:
    """What a file carries as JSON of at most LARGEST characters; None where that is nothing."""
    keywords = {name: texts_of(xmp.get(full)) for name, full in KEYWORDS.items()}
    found: dict[str, Any] = {
        "regions": [_region(region) for read in FORMATS for region in read(xmp)],
        "people": texts_of(xmp.get(iptc.EXTENSION + "PersonInImage")),
        "keywords": keywords | {"iptc": list(iptc_keywords)},
    }
    for most in MOST:
        kept = _within(found, most)
        text = _json(kept if kept == found else kept | {"cut": True})
        if text is None or len(text) <= LARGEST:
            break
    return text


def without_people(carried: str | None, people: Container[str]) -> str | None:
    """What is left of ``carried`` without everybody whose id is one of ``people``.

    Regions with the name go whole; of keywords also paths that it is part of.
    """
    if carried is None:
        return None
    try:
        found = json.loads(carried)
        found["regions"] = [r for r in found.get("regions", ()) if not _region_of(r, people)]
        found["people"] = [n for n in found.get("people", ()) if not _is_of(n, people)]
        found["keywords"] = {
            name: [text for text in texts if not _path_of(text, people)]
            for name, texts in found.get("keywords", {}).items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None  # not ours: nobody can say who is in there
    return _json(found)


def _json(found: dict[str, Any]) -> str | None:
    """JSON without members that are empty; None where nothing is left."""
    if "keywords" in found:
        keywords = {name: texts for name, texts in found["keywords"].items() if texts}
        found = found | {"keywords": keywords}
    full = {name: value for name, value in found.items() if value}
    return json.dumps(full, ensure_ascii=False, separators=(",", ":")) if full else None


def _region(region: Region) -> dict[str, Any]:
    said = ((one.name, getattr(region, one.name)) for one in fields(region))
    return {name: list(v) if isinstance(v, tuple) else v for name, v in said if v}


def _within(found: dict[str, Any], most: int) -> dict[str, Any]:
    """At most so many regions, and texts of each list, that are not too long."""
    return {
        "regions": [_short_region(region) for region in found["regions"][:most]],
        "people": _short(found["people"][:most]),
        "keywords": {name: _short(texts[:most]) for name, texts in found["keywords"].items()},
    }


def _short_region(region: dict[str, Any]) -> dict[str, Any]:
    """A region without texts that are too long."""
    kept = {n: v for n, v in region.items() if not (isinstance(v, str) and len(v) > LONGEST)}
    if "people" in kept:
        kept["people"] = _short(kept["people"][:20])
    return kept


def _short(texts: list[str]) -> list[str]:
    return [text for text in texts if len(text) <= LONGEST]


def _is_of(name: str, people: Container[str]) -> bool:
    return person_id(name) in people


def _region_of(region: dict[str, Any], people: Container[str]) -> bool:
    return any(_is_of(n, people) for n in (region.get("name", ""), *region.get("people", ())))


def _path_of(keyword: str, people: Container[str]) -> bool:
    """Whether a keyword, or a level of its path, is the name of one of the people."""
    return any(_is_of(level, people) for level in _levels(keyword))


def _levels(keyword: str) -> Iterator[str]:
    r"""Yield a keyword and the levels of its path; digiKam writes A\B for a level called A/B."""
    yield keyword
    for separators in (r"\|", "/", r"[|/]"):
        levels = re.split(separators, keyword)
        if len(levels) > 1:
            yield from levels
            yield from (level.replace("\\", "/") for level in levels if "\\" in level)
