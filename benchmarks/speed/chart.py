"""Bars as SVG, without a library: what the charts of docs/ are drawn by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABEL, ROW, HEAD = 760, 270, 22, 44
OWN, OTHER, INK = "#1f7a4d", "#9aa3ab", "#24292e"


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a chart; ``own`` bars are headcount's."""

    name: str
    value: float
    own: bool


def chart(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Groups of bars below each other, all to one scale, as an SVG that names its own colours."""
    longest = max(bar.value for _, bars in groups for bar in bars)
    lines, top = [_text(12, 24, title, weight=600)], HEAD
    for name, bars in groups:
        lines.append(_text(12, top + 16, name, weight=600))
        top += ROW + 4
        for bar in bars:
            width = max(1.0, bar.value / longest * (WIDTH - LABEL - 60))
            lines += [
                _text(LABEL - 8, top + 15, bar.name, anchor="end"),
                f'<rect x="{LABEL}" y="{top + 3}" width="{width:.1f}" height="{ROW - 6}" rx="2" '
                f'fill="{OWN if bar.own else OTHER}"/>',
                _text(LABEL + width + 6, top + 15, f"{bar.value:.2f}"),
            ]
            top += ROW
        top += 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
        f'viewBox="0 0 {WIDTH} {top}" font-family="sans-serif" font-size="13" role="img">'
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(lines)}</svg>\n"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="{INK}">{escape(text)}</text>'
    )
