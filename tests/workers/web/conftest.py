"""A page of a made-up archive: two people and three strangers, in six photos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount.storage import Store
from tests.review_page import Page, Seen, make_archive, page_of

ADA, BERTA, STRANGER, OTHER, RARE = range(5)


def faces() -> list[Seen]:
    found = []
    for n in range(6):
        photo = f"2026/{n}.jpg"
        found.append(Seen(photo, ADA if n < 4 else RARE, "Ada Quist" if n < 3 else None))
        found.append(Seen(photo, STRANGER))
        found.append(Seen(photo, OTHER if n < 4 else BERTA))
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    enrolled = {"Ada Quist": ADA, "Berta Ohm": BERTA}
    return make_archive(
        tmp_path, faces(), enrolled=enrolled, expected=[("2026/5.jpg", "Berta Ohm")]
    )


@pytest.fixture
def page(store: Store) -> Iterator[Page]:
    with page_of(store) as page:
        yield page
