"""The reason why a file is not read, in words that name its kind."""

from __future__ import annotations

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.tiff_page import Page, unsupported


def unread(page: Page | None) -> PhotoError:
    """Name the kind of a file that no decoder reads."""
    if page is not None:
        return unsupported(page)
    return PhotoError(Outcome.UNREADABLE, "not an image that headcount reads")
