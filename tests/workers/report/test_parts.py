"""Large reports are split into pages, small ones are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workers.report.views import FULL, PHOTO
from workers.report import parts
from workers.report.page import render_pages
from workers.report.parts import encoded, split, weight, weight_besides
from workers.report.view import ShownPhoto

PHOTOS = tuple(replace(PHOTO, key=f"{n:03}.jpg", preview=b"x" * 6_000) for n in range(50))


def test_a_small_report_has_one_page() -> None:
    assert split(replace(FULL, shown=PHOTOS)) == [PHOTOS]
    assert split(replace(FULL, shown=())) == [()]
    assert list(render_pages(FULL)) == ["report/index.html"]


def test_pages_are_as_large_as_they_may_be_and_no_photo_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = weight(PHOTOS[0])
    monkeypatch.setattr(parts, "PAGE_BYTES", 20 * size + weight_besides(FULL))
    monkeypatch.setattr(parts, "LEAST_BYTES", size)
    blocks = split(replace(FULL, shown=PHOTOS))
    assert [len(block) for block in blocks] == [20, 20, 10]
    assert sum(blocks, ()) == PHOTOS


def test_what_else_is_on_the_first_page_leaves_less_room_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = weight(PHOTOS[0])
    monkeypatch.setattr(parts, "PAGE_BYTES", 20 * size)
    monkeypatch.setattr(parts, "LEAST_BYTES", 5 * size)
    large = ShownPhoto("large.jpg", 1, 1, (), preview=b"x")
    [person, *_] = FULL.people
    heavy = replace(person, found=(("a.jpg", bytes(20 * size)),))
    blocks = split(replace(FULL, shown=(*PHOTOS, large), people=(heavy,)))
    assert [len(block) for block in blocks] == [5, 20, 20, 6]


def test_further_pages_link_to_the_first_and_to_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "PAGE_BYTES", 20 * weight(PHOTOS[0]))
    monkeypatch.setattr(parts, "LEAST_BYTES", 20 * weight(PHOTOS[0]))
    pages = render_pages(replace(FULL, shown=PHOTOS))
    assert list(pages) == ["report/index.html", "report/photos-2.html", "report/photos-3.html"]
    second = pages["report/photos-2.html"]
    assert 'href="index.html#cluster-1"' in second
    assert 'href="photos-3.html"' in second
    assert 'id="photo-21"' in second
    assert 'id="photo-20"' not in second
    assert 'http-equiv="Content-Security-Policy"' in second


def test_base64_takes_a_third_more() -> None:
    assert encoded(b"x" * 300, b"y" * 3) == 404
