"""Type for the drawn labels, in a font that has most letters of the text.

Fonts of the machine are found by file name wherever the system keeps them. Pillow's own font, the
last resort, has little beyond ASCII. Letters that no font has are transliterated (accents
dropped, Cyrillic and Greek spelled in Latin); the others become "?". So an image for workers
needs DejaVu (Latin, Cyrillic, Greek, Arabic, Hebrew) and, for Chinese, Japanese or Korean names,
Noto Sans CJK or Droid Sans Fallback.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

from workers.report.spell import in_latin

FILES = (
    "DejaVuSansCondensed-Bold.ttf",
    "DejaVuSans-Bold.ttf",
    "NotoSans-Bold.ttf",
    "LiberationSans-Bold.ttf",
    "Arial Bold.ttf",
    "arialbd.ttf",
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Bold.ttc",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "msyhbd.ttc",
    "Arial Unicode.ttf",
)
"""File names of fonts, the best first; those that are not installed are passed over."""

BUILT_IN = ""
_PROBE = 20
_UNASSIGNED = "\U0010fffe"
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of type in its font, with its width and height in pixels."""

    text: str
    font: FreeTypeFont
    width: int
    height: int


def typeset(text: str, size: int) -> Line:
    """Set a text in the first font that has all its letters, else in the one that has most."""
    text = _printable(text)
    path = min(_installed(), key=lambda path: sum(not _has(path, letter) for letter in text))
    font = _font(path, size)
    text = "".join(_drawable(letter, path) for letter in text)
    ascent, descent = font.getmetrics()
    return Line(text, font, round(font.getlength(text) + 0.5), ascent + descent)


def fit(text: str, size: int, width: int) -> Line | None:
    """Set a text, cut with an ellipsis to at most ``width`` pixels; None if nothing fits."""
    line = typeset(text, size)
    if line.width <= width:
        return line
    shortest, longest = 0, len(text)
    best: Line | None = None
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        line = typeset(text[:middle].rstrip() + _ELLIPSIS, size)
        if line.width <= width:
            shortest, best = middle, line
        else:
            longest = middle - 1
    return best


def _printable(text: str) -> str:
    """Compose a text on one line, without control, formatting and surrogate characters."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(c for c in composed if unicodedata.category(c)[0] != "C")


def _drawable(letter: str, path: str) -> str:
    """Replace a letter that a font does not have."""
    if _has(path, letter):
        return letter
    spelled = in_latin(letter)
    return spelled if all(_has(path, c) for c in spelled) else "?"


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Paths of the fonts of this machine, and Pillow's own."""
    found = []
    for name in FILES:
        try:
            found.append(str(ImageFont.truetype(name, _PROBE).path))
        except OSError:
            continue
    return (*found, BUILT_IN)


@lru_cache(maxsize=256)
def _font(path: str, size: int) -> FreeTypeFont:
    if path != BUILT_IN:
        return ImageFont.truetype(path, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, FreeTypeFont)  # noqa: S101 - Pillow's wheels are all built with FreeType
    return font


@lru_cache(maxsize=65_536)
def _has(path: str, letter: str) -> bool:
    """Whether a font has a letter: its picture is not that of an unassigned code point."""
    if letter.isspace():
        return True
    return _picture(path, letter) != _picture(path, _UNASSIGNED)


def _picture(path: str, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = _font(path, _PROBE).getmask(letter)
    return mask.size, bytes(mask)
