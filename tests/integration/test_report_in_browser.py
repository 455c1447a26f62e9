"""The report page in a real Chromium: links, keyboard, search, print, and a browser without script.

The page is a large one: 860 photos, 180 people, 1,200 expectations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount.rosters.statuses import MISSING
from tests.browser import PROGRAM, Page, chromium
from tests.workers.report.made_report import made_report
from workers.report.page import render
from workers.report.view import UNTOLD, Report

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium"),
]

LANDED = """
new Promise(done => {
  let last = -1, still = 0;
  const look = () => {
    still = scrollY === last ? still + 1 : 0;
    last = scrollY;
    if (still < 6) return requestAnimationFrame(look);
    const target = document.querySelector(location.hash);
    const heading = target.matches("h2") ? target : target.querySelector("h3");
    const bottom = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    const top = heading.getBoundingClientRect().top;
    done(0 <= top && top <= 100 || bottom && top < innerHeight ? "there" : top);
  };
  requestAnimationFrame(look);
})
"""
"""Whether the heading of a link's target is at the top once nothing moves, else where it is.

Near the end of the page it is in the window, and the page cannot be scrolled further.
"""


@pytest.fixture(scope="module")
def report() -> Report:
    return made_report()


@pytest.fixture(scope="module")
def files(report: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The large page, and one of 40 photos."""
    folder = tmp_path_factory.mktemp("report")
    pages = {"large": report, "small": made_report(40, 200)}
    for name, content in pages.items():
        (folder / f"{name}.html").write_text(render(content), "utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser.page()


def follow(page: Page, link: str) -> str | float:
    """Click a link from the top of the page; where its heading is then."""
    page.run(f"scrollTo(0, 0); document.querySelector({link!r}).click()")
    landed: str | float = page.run(LANDED)
    return landed


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_every_link_lands_on_its_heading(
    page: Page, files: dict[str, Path], width: int, motion: str
) -> None:
    page.resize(width)
    page.emulate(prefers_reduced_motion=motion)
    page.open(files["large"])
    links = [f"nav a[href='#{name}']" for name in ("references", "found", "unnamed", "counts")]
    links += ["nav a[href='#reading']", "nav a[href='#failures']", "nav a[href='#missing']"]
    links += [f"a[href='#cluster-{n}']" for n in page.run(
        "[...new Set([...document.querySelectorAll('.photo a[href^=\"#cluster-\"]')]"
        ".map(a => Number(a.hash.slice(9))))].sort((a, b) => a - b).filter((_, n) => n % 9 === 0)"
    )]  # fmt: skip
    for at in (0, 3, 7, -1):
        number = page.run(
            "(() => { const pages = document.querySelector('[data-roll=missing] .page');"
            f"pages.selectedIndex = ({at} + pages.length) % pages.length;"
            "pages.dispatchEvent(new Event('change'));"
            "return [...document.querySelectorAll('[data-roll=missing] .drawn a')].at(-1).hash })()"
        )
        assert follow(page, f"[data-roll=missing] .drawn a[href='{number}']") == "there", number
    for link in links:
        assert follow(page, link) == "there", link


def test_links_land_where_a_browser_does_not_hold_on_to_what_is_shown(
    page: Page, files: dict[str, Path]
) -> None:
    page.resize(390)
    page.open(files["large"])
    page.run("document.documentElement.style.overflowAnchor = 'none'")
    links = ["#photo-60", "#photo-400", "#photo-800"]
    page.run(
        "document.querySelector('main').prepend(..." + repr(links) + ".map(href =>"
        "Object.assign(document.createElement('a'), { href, textContent: href })))"
    )
    for link in links:
        assert follow(page, f"main > a[href='{link}']") == "there", link


def test_a_page_that_is_opened_at_a_photo_shows_it(page: Page, files: dict[str, Path]) -> None:
    page.resize(1280)
    page.open(files["small"])
    page.open(files["large"], "#photo-700")
    assert page.run(LANDED) == "there"


def test_a_link_to_a_photo_that_the_filter_hides_shows_it(
    page: Page, files: dict[str, Path]
) -> None:
    page.open(files["small"])
    page.run(
        "(() => { const people = document.querySelector('#filter select');"
        "people.selectedIndex = people.length - 1;"
        "people.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )
    hidden = page.run(
        "[...document.querySelectorAll('.drawn a')].map(a => a.hash)"
        ".find(hash => document.querySelector(hash).hidden)"
    )
    assert follow(page, f".drawn a[href='{hidden}']") == "there"


ORDERED = """
(() => {
  const order = document.querySelector("#filter [name=order]");
  order.value = "%s";
  order.dispatchEvent(new Event("change", { bubbles: true }));
  return [...document.querySelectorAll(".photo")].map(p => [p.id, p.dataset.taken ?? ""]);
})()
"""
BETWEEN = """
(() => {
  const [from, to] = document.querySelectorAll("#filter input[type=date]");
  [from.value, to.value] = ["%s", "%s"];
  to.dispatchEvent(new Event("change", { bubbles: true }));
  return [...document.querySelectorAll(".photo:not([hidden])")].map(p => p.dataset.taken ?? "");
})()
"""


def test_photos_are_ordered_by_the_date_they_were_taken(page: Page, files: dict[str, Path]) -> None:
    page.open(files["small"])
    by_name = [f"photo-{n}" for n in range(1, 41)]
    for order, backwards in (("oldest", False), ("newest", True)):
        times = [taken for _, taken in page.run(ORDERED % order)]
        dated = [taken for taken in times if taken]
        assert dated == sorted(dated, reverse=backwards)
        assert times == dated + [""] * (len(times) - len(dated))
        assert 0 < len(dated) < len(times) == 40
    assert [card for card, _ in page.run(ORDERED % "")] == by_name


def test_photos_are_filtered_by_the_date_they_were_taken(
    page: Page, files: dict[str, Path]
) -> None:
    page.open(files["small"])
    every = page.run(BETWEEN % ("", ""))
    some = sorted(taken for taken in every if "2019-02-01" <= taken[:10] <= "2019-04-30")
    assert sorted(page.run(BETWEEN % ("2019-02-01", "2019-04-30"))) == some
    assert 0 < len(some) < len(every) == 40
    said = page.run("document.getElementById('filter-said').textContent")
    assert said == f"{len(some)} of 40 photos"
    assert all(page.run(BETWEEN % ("2019-02-01", "")))


@pytest.mark.parametrize(("roll", "statuses"), [("missing", MISSING), ("untold", UNTOLD)])
def test_every_name_is_reached_by_keyboard_alone(
    page: Page, files: dict[str, Path], report: Report, roll: str, statuses: tuple[str, ...]
) -> None:
    page.resize(1280)
    page.open(files["large"])
    assert report.missing is not None
    rows = report.missing.rows.to_pylist()
    wanted = {row["person"] for row in rows if row["status"] in statuses}
    page.run(
        f"(() => {{ window.roll = document.querySelector('[data-roll={roll}]');"
        "const before = [...document.querySelectorAll('a, button, input, select')]"
        ".filter(e => e.compareDocumentPosition(roll) & 4 && e.getClientRects().length);"
        "before.at(-1).focus() })()"
    )
    reached: list[str] = []
    while True:
        page.press("Tab")
        kind, text = page.run(
            "(() => { const e = document.activeElement;"
            "return [roll.contains(e) ? e.className || e.type : 'outside', e.textContent] })()"
        )
        if kind == "outside":
            break
        if kind == "name":
            reached.append(text)
        if kind == "more":
            page.press("Enter")
            assert page.run("document.activeElement.className") == "next"
    assert set(reached) == wanted
    pages = page.run("roll.querySelector('.page').length")
    assert len(wanted) <= len(reached) < len(wanted) + pages


def test_whoever_is_looked_for_is_found_without_accents_and_by_arrow_keys(
    page: Page, files: dict[str, Path]
) -> None:
    page.open(files["large"])
    page.run("document.querySelector('[data-roll=missing] .find').focus()")
    page.type("sato")
    people = page.run(
        "[...document.querySelectorAll('[data-roll=missing] .name')].map(e => e.textContent)"
    )
    assert people
    assert all("Sató" in name for name in people)
    page.run("document.querySelector('[data-roll=missing] input[type=radio]').focus()")
    page.press("ArrowRight")
    headings = page.run(
        "[...document.querySelectorAll('[data-roll=missing] h3')].map(e => e.textContent)"
    )
    scopes = [text for text in headings if text.startswith("in some photo of")]
    assert headings == sorted(set(headings) - set(scopes)) + scopes
    assert "places" in page.run("document.querySelector('[data-roll=missing] .told').textContent")


def test_a_name_lists_its_person_alone_and_then_everybody_again(
    page: Page, files: dict[str, Path]
) -> None:
    page.open(files["small"])
    told = "document.querySelector('[data-roll=missing] .told').textContent"
    name = "document.querySelector('[data-roll=missing] .name')"
    everybody = page.run(told)
    page.run(f"{name}.click()")
    assert page.run(told).endswith(": 1 person")
    page.run(f"{name}.click()")
    assert page.run(told) == everybody


def test_all_rows_are_printed(page: Page, files: dict[str, Path]) -> None:
    page.open(files["small"])
    page.run(
        "addEventListener('beforeprint', () => {"
        "window.printed = document.querySelectorAll('[data-roll] li').length })"
    )
    assert page.pdf().startswith(b"%PDF")
    report = made_report(40, 200)
    assert report.missing is not None
    assert page.run("window.printed") == report.missing.rows.num_rows
    assert page.run("document.querySelectorAll('[data-roll=missing] li').length") == 50


def test_without_script_every_row_is_on_the_page(page: Page, files: dict[str, Path]) -> None:
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(files["small"])
        report = made_report(40, 200)
        assert report.missing is not None
        rows = page.run("document.querySelectorAll('.plain li li').length")
        assert rows == report.missing.rows.num_rows
        assert page.run("document.querySelector('[data-roll]').getClientRects().length") == 0
    finally:
        page.send("Emulation.setScriptExecutionDisabled", value=False)


def test_the_page_breaks_no_rule_of_its_own_policy(page: Page, files: dict[str, Path]) -> None:
    page.send("Log.enable")
    page.open(files["small"])
    assert page.logged() == []
