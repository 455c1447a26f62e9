"""Suggestions and explanations in a real Chromium, over a made-up archive and the real program."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import PROGRAM, Page, chromium
from tests.clusters import until
from tests.review_page import HOSTILE, Seen, cluster_id, make_archive, page_of
from tests.review_page import Page as Served

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium"),
]

ADA, STRANGER = 0, 2


def faces() -> list[Seen]:
    """One stranger in three clusters, and somebody enrolled in two photos."""
    found = [Seen(f"{n}.jpg", STRANGER, cluster=f"k{n // 3}") for n in range(9)]
    return [*found, *(Seen(f"a{n}.jpg", ADA, HOSTILE) for n in range(2)), Seen("b.jpg", 1)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    store = make_archive(tmp_path / "made", faces(), enrolled={HOSTILE: ADA})
    with page_of(store) as page:
        yield page


@pytest.fixture
def browser(served: Served, tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "profile") as opened:
        page = opened.page()
        page.send("Log.enable")
        page.visit(f"http://127.0.0.1:{served.port}/?token={served.access.token}")
        yield page
        assert page.logged() == []


def has(page: Page, words: str, where: str = "main h1") -> None:
    script = f"document.querySelector({where!r})?.innerText.includes({words!r})"
    until(lambda: page.run(script))


def test_who_was_named_is_suggested_next_and_undo_asks_the_same_again(
    served: Served, browser: Page
) -> None:
    has(browser, "Who is this?")
    until(lambda: browser.run("document.activeElement.matches('main input')"))
    browser.press_all("Zelda Quist")
    browser.press("Enter")
    has(browser, "Zelda Quist", ".told")
    browser.visit(f"http://127.0.0.1:{served.port}/")
    has(browser, "Is this")
    has(browser, "Zelda Quist")
    browser.press("Enter")
    until(lambda: served.get("/api/state")["undoable"] == 2)
    browser.press("Alt+z")
    until(lambda: served.get("/api/state")["undoable"] == 1)
    browser.press("Alt+z")
    until(lambda: served.get("/api/state")["undoable"] == 0)
    browser.visit(f"http://127.0.0.1:{served.port}/")
    has(browser, "Who is this?")
    assert served.get("/api/suggestions")[0]["cluster_id"] == "k0"


def test_w_tells_why_and_escape_leads_back(served: Served, browser: Page) -> None:
    [one] = served.get("/api/people")
    browser.visit(f"http://127.0.0.1:{served.port}/person/{one['person_id']}")
    until(lambda: browser.run("document.querySelectorAll('.person-faces .tile').length === 2"))
    browser.press("w")
    until(lambda: browser.run("document.querySelectorAll('section.why').length >= 4"))
    assert browser.run("location.pathname.startsWith('/explain/f')")
    assert browser.run("document.querySelector('.lines .settled').innerText.length > 10")
    until(lambda: browser.run("[...document.querySelectorAll('main img')].every(i => i.complete)"))
    loaded = "[...document.querySelectorAll('main img')].filter(i => i.naturalWidth > 0).length"
    assert browser.run(loaded) >= 2
    assert browser.run("document.querySelector('main script')") is None
    browser.resize(390)
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    browser.press("Escape")
    until(lambda: browser.run("document.querySelectorAll('.person-faces .tile').length === 2"))


@pytest.mark.parametrize("what", ["a0.jpg", cluster_id(1), "b.jpg"])
def test_photos_and_choices_are_told_too(served: Served, browser: Page, what: str) -> None:
    browser.visit(f"http://127.0.0.1:{served.port}/explain/{what}")
    until(lambda: browser.run("!!document.querySelector('main .why-faces, main .lines')"), 20)
