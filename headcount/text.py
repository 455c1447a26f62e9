"""Text for people: a number with its noun, a name on one line."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 photo, 2,000 photos, 3 people."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """A text on one line: characters that cannot be printed are written as Python escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
