"""The one door to the terminal: all that commands print, harmless whatever keys and names hold."""

from __future__ import annotations

from collections.abc import Iterable

import click

from headcount.text import printable, printable_json


def say(text: str, *, err: bool = False) -> None:
    """Print one line; control characters, ANSI escapes and bidi marks in it are written out."""
    click.echo(printable(text), err=err)


def say_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines, each as ``say`` does."""
    for line in lines:
        say(line, err=err)


def say_text(text: str, *, err: bool = False) -> None:
    """Print a message that may have several lines; those after the first are indented.

    A key with an end of line in it cannot look like a line of ours.
    """
    say_lines(text.replace("\n", "\n  ").split("\n"), err=err)


def say_json(text: str) -> None:
    """Print JSON; what cannot be printed is escaped as JSON does, and means the same."""
    click.echo(printable_json(text))
