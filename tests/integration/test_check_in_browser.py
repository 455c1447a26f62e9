"""The page of a check in a real Chromium, by the keyboard alone, over the real program."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headcount.assignments.checks.kept import read_checks
from headcount.storage import Store
from tests.browser import PROGRAM, Page, chromium
from tests.review_page import HOSTILE, Seen, make_archive, page_of, recorded
from workers.web.checking import Asked

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium"),
]

BY = "Rosa <b>Luxburg</b>"
PEOPLE = {"Ada Quist": 0, "Berta Ohm": 1, "<img src=x onerror=document.title='broken'>": 2}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        opened = browser.page()
        opened.send("Log.enable")
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Nine names, and two absences: one from a photo, one from all of a folder."""
    people = [*PEOPLE.items()]
    faces = [
        Seen(f"{'2026' if n else HOSTILE + '/x'}/{n}.jpg", whose, name)
        for n in range(3)
        for name, whose in people
    ]
    return make_archive(
        tmp_path, faces, enrolled=PEOPLE, expected=[("2026/", "Berta Ohm")], needed="some"
    )


def until(page: Page, script: str) -> Any:
    """The value of an expression, once it is true."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := page.run(f"(() => {{ try {{ return {script} }} catch {{ return null }} }})()"):
            return found
        time.sleep(0.02)
    raise AssertionError((script, page.run("document.body.innerText")))


def ready(page: Page, at: int, total: int) -> None:
    """Wait until an item and its pictures are there."""
    until(
        page,
        f"document.querySelector('.lead').innerText.startsWith('{at} of {total}')"
        " && [...document.images].every(one => one.complete)",
    )
    page.settle()


def test_a_check_is_judged_and_signed_by_the_keyboard_alone(page: Page, store: Store) -> None:
    page.resize(1280)
    with page_of(store, by=BY, asked=Asked(100, 50, 3)) as served:
        page.visit(f"http://127.0.0.1:{served.port}/?token={served.access.token}")
        assert page.run("location.pathname") == "/check"
        ready(page, 1, 10)
        shown = page.run("document.body.innerText").lower()
        assert "similarity" not in shown
        assert "probab" not in shown
        page.pressed = 0
        page.press("Enter")
        ready(page, 2, 10)
        page.press("u")
        ready(page, 3, 10)
        page.press("Enter")
        ready(page, 4, 10)
        page.press("z")
        ready(page, 3, 10)
        page.press("x")
        for at in range(4, 10):
            ready(page, at, 10)
            page.press("Enter")
        ready(page, 10, 10)
        before = page.run("document.querySelector('figcaption').innerText")
        page.press("ArrowRight")
        until(page, f"document.querySelector('figcaption').innerText !== {json.dumps(before)}")
        ready(page, 10, 10)
        page.press("Enter")
        until(page, "document.querySelector('h1').innerText.includes('Do you sign it')")
        assert [one.signed for one in read_checks(store)] == [None]
        page.press("Enter")
        until(page, "!!document.querySelector('.figures')")
        assert page.pressed == 14, "one key each, three more on the way, and one to sign"
        assert "wrong names 1 of 9, and 1 that could not be told" in page.run(
            "document.querySelector('.figures').innerText"
        )
        assert recorded(store) == []
        page.press("n")
        until(page, "!document.querySelector('.acts.row button')")
        assert page.run("document.title") != "broken"
        assert page.logged() == []
    [check] = read_checks(store)
    assert check.signed is not None
    assert [item.verdict for item in check.items] == [
        *("right", "cannot_tell", "wrong"),
        *["right"] * 7,
    ]
    assert [answer.what for answer in recorded(store)] == ["not"]
    page.visit("about:blank")
