"""Text for people: a number with its noun, a name on one line."""

from __future__ import annotations

import json
import re
import unicodedata

DEFUSED = re.compile(r"''*[=+\-@\t\r]")
"""A text that was defused: the mark, and what it stood before. What a spreadsheet would run begins
with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return (OWASP, "CSV Injection"); a mark goes
before that, and one more before a text that looks so already.
"""

_JOINERS = "\u200c\u200d"

A_NIGHT = 1000
"""Photos that one run is advised to read anew; where there are more, over some runs."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 photo, 2,000 photos, 3 people."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


MOST_DIGITS = 4
"""Digits of a cosine, at most: float32 and the embeddings' float16 tell no more apart."""


def cosine_text(value: float, beside: float | None = None) -> str:
    """A cosine with two digits, with more where these are the same as those of the one ``beside``.

    A similarity beside a threshold, and the threshold beside it, are told apart by the same digits:
    0.364 and 0.358 instead of 0.36 twice.
    """
    digits = 2
    while (
        beside is not None
        and value != beside
        and digits < MOST_DIGITS
        and f"{value:.{digits}f}" == f"{beside:.{digits}f}"
    ):
        digits += 1
    return f"{value:.{digits}f}"


def older_reading(count: int) -> str:
    """Sentence about photos of an older reading, with the option that mends it in backquotes."""
    photos = f"{counted(count, 'photo was', 'photos were')} read by an older version"
    if count > A_NIGHT:
        return f"{photos}: `--reread {A_NIGHT}` reads them anew over some nights"
    return f"{photos}: `--reread all` reads {'it' if count == 1 else 'them'} anew"


def printable(text: str) -> str:
    """A text on one line: characters that cannot be printed are written as Python escapes.

    These are control characters, marks that turn the direction of text, ends of lines and halves of
    surrogates. Spaces of all kinds stay, and the joiners that Persian and emoji need.
    """
    return "".join(c if _is_printed(c) else ascii(c)[1:-1] for c in text)


def printable_json(text: str) -> str:
    """JSON with all that cannot be printed escaped as JSON does; it means the same."""
    return "".join(c if c == "\n" or _is_printed(c) else json.dumps(c)[1:-1] for c in text)


def _is_printed(character: str) -> bool:
    return (
        character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
    )


def undefused(text: str) -> str:
    """A cell's text without the mark ``'`` that keeps a spreadsheet from running it."""
    return text[1:] if DEFUSED.match(text) else text


def script_json(data: object) -> str:
    """Data as JSON that may stand in a script element of a page: no ``<`` can end it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
