"""Type for the drawn labels: each piece of a text in a font that has its letters.

Fonts of the machine are found by file name wherever the system keeps them. Pillow's own font, the
last resort, has little beyond ASCII. Arabic, Hebrew and the scripts of India and South-East Asia
are shaped and ordered by Raqm (HarfBuzz and FriBidi), which Pillow's wheels bring. Letters that no
font has are transliterated where that is harmless (accents dropped, Cyrillic and Greek spelled in
Latin); of a text with others `can_draw` says so, and the label shows a number instead. An image
for workers needs Debian's fonts-dejavu-core, fonts-noto-core and fonts-noto-cjk.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from PIL import ImageFont, features
from PIL.ImageDraw import ImageDraw
from PIL.ImageFont import FreeTypeFont, Layout

from workers.report.palette import RGB
from workers.report.spell import in_latin

SCRIPTS = {
    "Latin": "Ąß",
    "Greek": "Ωλ",
    "Cyrillic": "Жщ",
    "Arabic": "محمد",
    "Hebrew": "דוד",
    "Devanagari": "क्षि",
    "Bengali": "ক্ষি",
    "Tamil": "தமிழ்",
    "Thai": "ที่",
    "Chinese": "李",
    "Japanese": "あ",
    "Korean": "김",
}
"""Scripts that `doctor` tells of, each with letters that try it."""

_NOTO = (
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada"),
    *("Malayalam", "Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"),
    *("Armenian", "Georgian", "Ethiopic", "Hebrew", "Arabic"),
)
FILES = (
    "DejaVuSansCondensed-Bold.ttf",
    "DejaVuSans-Bold.ttf",
    "NotoSans-Bold.ttf",
    "LiberationSans-Bold.ttf",
    "Arial Bold.ttf",
    "arialbd.ttf",
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    *(f"NotoSans{script}-Bold.ttf" for script in _NOTO),
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
FROM_LEFT = "\u200e"
"""A mark without a picture: what follows a name that is read from the right stays right of it."""
_FROM_RIGHT = "\u200f"
"""A mark without a picture: an ellipsis before it stays at the left end of such a name."""
_JOINERS = "\u200c\u200d"
"""Marks without a picture that say whether neighbours join: Persian and Devanagari need them."""
_UNSEEN = frozenset(_JOINERS + FROM_LEFT + _FROM_RIGHT)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one font, with its width in pixels."""

    text: str
    font: FreeTypeFont
    width: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of type, its pieces from left to right, with its width and height in pixels."""

    pieces: tuple[Piece, ...]
    width: int
    ascent: int
    height: int

    @property
    def text(self) -> str:
        """The text that is drawn."""
        return "".join(piece.text for piece in self.pieces)

    def draw(self, draw: ImageDraw, at: tuple[float, float], ink: RGB) -> None:
        """Draw the line with its upper left corner ``at`` a place."""
        x, y = at
        for piece in self.pieces:
            at, way = (x, y + self.ascent), _way(piece.font)
            draw.text(at, piece.text, fill=ink, font=piece.font, anchor="ls", direction=way)
            x += piece.width


def can_draw(text: str) -> bool:
    """Whether every letter of a text can be drawn as it is read: by a font, and shaped.

    A letter that can be spelled in Latin counts, and so does whatever is no letter.
    """
    text = _printable(text)
    if _needs_shaping(text) and not _is_shaped():
        return False
    return all(
        _has(path, letter)
        or unicodedata.category(letter)[0] not in "LM"
        or "?" not in in_latin(letter)
        for path, letter in _placed(text)
    )


def kept_apart(name: str) -> str:
    """A name in such a form that what is drawn after it stays to the right of it."""
    return name + FROM_LEFT if any(map(_from_right, name)) else name


def scripts() -> dict[str, bool]:
    """The scripts of SCRIPTS, and whether names in them can be drawn."""
    return {name: can_draw(letters) for name, letters in SCRIPTS.items()}


def typeset(text: str, size: int) -> Line:
    """Set a text: each run of letters in the first font that has them, else spelled in Latin."""
    pieces = []
    for path, run in _runs(_printable(text)):
        font = _font(path, size)
        pieces.append(Piece(run, font, font.getlength(run, direction=_way(font))))
    metrics = [piece.font.getmetrics() for piece in pieces] or [_font(BUILT_IN, size).getmetrics()]
    ascent, descent = (max(values) for values in zip(*metrics, strict=True))
    width = round(sum(piece.width for piece in pieces) + 0.5)
    return Line(tuple(pieces), width, ascent, ascent + descent)


def fit(text: str, size: int, width: int) -> Line | None:
    """Set a text, cut with an ellipsis to at most ``width`` pixels; None if nothing fits."""
    line = typeset(text, size)
    if line.width <= width:
        return line
    cuts = [at for at in range(len(text)) if not _hangs_on(text[at])]
    shortest, longest = 0, len(cuts) - 1
    best: Line | None = None
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        kept = text[: cuts[middle]].rstrip()
        turn = _FROM_RIGHT if kept and _from_right(kept[-1]) else ""
        line = typeset(kept + _ELLIPSIS + turn, size)
        if line.width <= width:
            shortest, best = middle, line
        else:
            longest = middle - 1
    return best


def _hangs_on(letter: str) -> bool:
    """Whether a letter belongs to the one before it: a vowel sign, an accent, a joiner."""
    return unicodedata.category(letter)[0] == "M" or letter in _UNSEEN


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of a text with the font of each, as long as one font has the letters."""
    for path, letters in groupby(_placed(text), key=itemgetter(0)):
        yield path, "".join(_drawable(letter, path) for _, letter in letters)


def _placed(text: str) -> Iterator[tuple[str, str]]:
    """The letters of a text, each with its font.

    The font that has most of the text comes first, so that a name is in one piece where it can be.
    """
    fonts = sorted(_installed(), key=lambda path: sum(not _has(path, letter) for letter in text))
    path = None
    for letter in text:
        path = _path_for(letter, fonts, path)
        yield path, letter


def _path_for(letter: str, fonts: list[str], before: str | None) -> str:
    """The font of a letter: that of the letter before it if it can be, else the first that has it.

    A sign that hangs on a letter stays in its font, or it would be drawn beside it.
    """
    if before is not None and (_hangs_on(letter) or _has(before, letter)):
        return before
    return next((path for path in fonts if _has(path, letter)), fonts[0])


@lru_cache(maxsize=1)
def _is_shaped() -> bool:
    """Whether Pillow shapes and orders text."""
    return bool(features.check("raqm"))


def _way(font: FreeTypeFont) -> str | None:
    """The direction of a line: from the left, whatever its first letter; words turn within it."""
    return "ltr" if _is_shaped() and font.layout_engine == Layout.RAQM else None


def _needs_shaping(text: str) -> bool:
    """Whether letters change their form, place or order: right to left, or signs on letters."""
    return any(_from_right(c) or _hangs_on(c) for c in text)


def _from_right(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in ("R", "AL")


def _printable(text: str) -> str:
    """Compose a text on one line, without control, formatting and surrogate characters."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(c for c in composed if unicodedata.category(c)[0] != "C" or c in _UNSEEN)


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
    if letter.isspace() or letter in _UNSEEN:
        return True
    return _picture(path, letter) != _picture(path, _UNASSIGNED)


def _picture(path: str, letter: str) -> tuple[tuple[int, int], bytes]:
    """The picture of a letter by itself, not shaped: a sign would be put on a circle."""
    font = _font(BUILT_IN, _PROBE) if path == BUILT_IN else _plain_font(path)
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


@lru_cache(maxsize=64)
def _plain_font(path: str) -> FreeTypeFont:
    return ImageFont.truetype(path, _PROBE, layout_engine=Layout.BASIC)
