"""The colours of the four decisions: one table for the drawn photos and for the page's CSS.

Colour-blind readers can tell them apart, and get a second sign in each case: the green leans to
blue and is drawn solid, the amber is much lighter and dashed, the red is twice as thick and has
a question mark, the grey is thin and has no label. Each ink on its fill reaches WCAG's contrast
AA (4.5:1); tests compute it.
"""

from __future__ import annotations

from dataclasses import dataclass

from headcount.contract.vocabulary import Decision

RGB = tuple[int, int, int]
"""An sRGB colour, 0..255 each."""

WHITE: RGB = (255, 255, 255)
BLACK: RGB = (16, 16, 16)


@dataclass(frozen=True, slots=True)
class Tone:
    """A filled colour, the ink that is legible on it, and the sign that goes with it."""

    fill: RGB
    ink: RGB
    sign: str


TONES = {
    Decision.MATCHED: Tone((0, 128, 94), WHITE, "✓"),
    Decision.INFERRED: Tone((245, 176, 36), BLACK, "~"),
    Decision.UNKNOWN: Tone((200, 32, 52), WHITE, "?"),
    Decision.IGNORED: Tone((150, 150, 150), BLACK, "·"),
}
ALERT = TONES[Decision.UNKNOWN]
"""Missing people have the red of faces that were not recognised."""


def hexadecimal(colour: RGB) -> str:
    """Format a colour for CSS."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def css_variables() -> str:
    """CSS custom properties of all decisions: ``--matched``, ``--matched-ink`` and so on."""
    return "".join(
        f"--{decision}:{hexadecimal(tone.fill)};--{decision}-ink:{hexadecimal(tone.ink)};"
        for decision, tone in TONES.items()
    )
