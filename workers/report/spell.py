"""Transliteration of names to ASCII, for fonts that have no other letters."""
# ruff: noqa: RUF001 - letters of other scripts look like Latin ones, that is what this is about

from __future__ import annotations

import unicodedata

_PAIRS = """
а a б b в v г g д d е e ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u ф f х kh ц ts ч ch
ш sh щ shch ъ " ы y ь ' э e ю yu я ya і i ї yi є ye ґ g ћ c ђ dj љ lj њ nj џ dz
α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f χ ch ψ ps
ω o ł l đ d ø o ß ss æ ae œ oe ı i þ th ð d “ " ” " „ " ‘ ' ’ ' – - — - … ... · -
"""
_LETTERS = _PAIRS.split()
_LATIN = dict(zip(_LETTERS[::2], _LETTERS[1::2], strict=True))


def in_latin(letter: str) -> str:
    """Spell one letter in ASCII, in Latin or without its accents; "?" if neither can be done."""
    if letter.isascii():
        return letter
    small = letter.lower()
    if small in _LATIN:
        return _LATIN[small] if letter == small else _LATIN[small].capitalize()
    parts = unicodedata.normalize("NFKD", letter)
    if parts == letter:
        return "?"
    return "".join(in_latin(part) for part in parts if not unicodedata.combining(part))
