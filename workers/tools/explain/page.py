"""The page of an explanation: one HTML file with the face beside its nearest references."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from workers.report.palette import css_variables
from workers.tools.explain.case import Row
from workers.tools.explain.numbers import against, number


def render(document: Row) -> str:
    """Render a document, with its pictures, as text to be stored as UTF-8.

    The page fetches nothing. Keys and names may hold any character.
    """
    page = _environment().get_template("explain.html")
    text = page.render(document=document, palette=css_variables())
    return text.encode("utf-8", "replace").decode("utf-8")


def worth(value: float | None, limit: float) -> str:
    """A face's evidence with as many digits as tell it from the limit."""
    return "" if value is None else against(value, limit)[0]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("workers.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, worth=worth)
    return environment
