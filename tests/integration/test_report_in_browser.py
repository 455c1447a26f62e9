"""The report in a real Chromium: links, keyboard, search, print, and a browser without script.

It is a large one: 860 photos, 180 people, 1,200 expectations, on a few pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from headcount.contract import results
from headcount.rosters.statuses import MISSING
from tests.browser import PROGRAM, Page, chromium
from tests.workers.report.made_report import made_report
from workers.report.page import render_pages
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
    """The first page of the large report and its second one, and a report of 40 photos."""
    folder = tmp_path_factory.mktemp("report")
    for name, content in {"large": report, "small": made_report(40, 200)}.items():
        for key, text in render_pages(content).items():
            (folder / name / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / key).write_text(text, "utf-8")
    first = {name: folder / name / results.REPORT for name in ("large", "small")}
    return first | {"second": folder / "large" / results.REPORT_PAGE.format(number=2)}


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
    on_this_page = 0
    for at in (0, 1, 3, 7, -1):
        number = page.run(
            "(() => { const pages = document.querySelector('[data-roll=missing] .page');"
            f"pages.selectedIndex = ({at} + pages.length) % pages.length;"
            "pages.dispatchEvent(new Event('change'));"
            "return [...document.querySelectorAll('[data-roll=missing] .drawn a[href^=\"#\"]')]"
            ".at(-1)?.hash ?? '' })()"
        )
        if not number:  # all of these photos are on other pages
            continue
        assert follow(page, f"[data-roll=missing] .drawn a[href='{number}']") == "there", number
        on_this_page += 1
    assert on_this_page
    for link in links:
        assert follow(page, link) == "there", link


def test_links_land_where_a_browser_does_not_hold_on_to_what_is_shown(
    page: Page, files: dict[str, Path]
) -> None:
    page.resize(390)
    page.open(files["large"])
    page.run("document.documentElement.style.overflowAnchor = 'none'")
    links = ["#photo-10", "#photo-100", "#photo-200"]
    page.run(
        "document.querySelector('main').prepend(..." + repr(links) + ".map(href =>"
        "Object.assign(document.createElement('a'), { href, textContent: href })))"
    )
    for link in links:
        assert follow(page, f"main > a[href='{link}']") == "there", link


def test_a_page_that_is_opened_at_a_photo_shows_it(page: Page, files: dict[str, Path]) -> None:
    page.resize(1280)
    page.open(files["small"])
    photo = page.run("document.querySelectorAll('.photo')[20].id")
    assert photo == "photo-21"
    page.open(files["second"])
    photo = page.run("document.querySelectorAll('.photo')[90].id")
    page.open(files["small"])
    page.open(files["second"], f"#{photo}")
    assert page.run(LANDED) == "there"


def test_a_link_to_a_photo_that_the_filter_hides_shows_it(
    page: Page, files: dict[str, Path]
) -> None:
    page.open(files["small"])
    search(page, "find", "IMG 0001")
    page.run(
        "(() => { const find = document.querySelector('[data-roll=missing] .find');"
        "find.value = ''; find.dispatchEvent(new Event('input')) })()"
    )
    hidden = page.run(
        "[...document.querySelectorAll('.drawn a')].map(a => a.hash)"
        ".find(hash => document.querySelector(hash).hidden)"
    )
    assert follow(page, f".drawn a[href='{hidden}']") == "there"


def search(page: Page, field: str, text: str) -> None:
    """Set a field of the search as typing there does."""
    page.run(
        f"(() => {{ const field = document.querySelector('#filter [name={field}]');"
        f"field.type === 'checkbox' ? field.checked = true : field.value = {text!r};"
        "field.dispatchEvent(new Event('input', { bubbles: true }));"
        "field.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )


def shown(page: Page, cards: str) -> list[str]:
    """The headings of the cards that are not hidden."""
    found: list[str] = page.run(
        f"[...document.querySelectorAll('{cards}:not([hidden])')]"
        ".map(card => card.querySelector('h3').textContent)"
    )
    return found


def test_a_name_without_accents_finds_its_photos_its_person_and_what_to_look_at(
    page: Page, files: dict[str, Path], report: Report
) -> None:
    page.open(files["small"])
    search(page, "find", "nguyen")
    assert shown(page, ".person")
    assert all("Nguyễn" in name for name in shown(page, ".person") + shown(page, ".look"))
    photos = [photo for photo in made_report(40, 200).shown if photo.key in shown(page, ".photo")]
    assert 0 < len(photos) < 40
    for photo in photos:
        names = {face.person for face in photo.faces if face.person} | set(photo.missing)
        assert any("Nguyễn" in name for name in names)
    told = page.run("document.querySelector('[data-roll=missing] .told').textContent")
    assert "people" in told


def test_a_file_finds_its_photos_and_whoever_is_in_them(page: Page, files: dict[str, Path]) -> None:
    page.open(files["small"])
    search(page, "find", "2024/class 8b")
    keys = shown(page, ".photo")
    assert keys
    assert all(key.startswith("2024/class 8b/") for key in keys)
    photos = [photo for photo in made_report(40, 200).shown if photo.key in keys]
    inside = {face.person for photo in photos for face in photo.faces}
    inside |= {name for photo in photos for name in photo.missing}
    assert shown(page, ".person")
    assert set(shown(page, ".person")) <= inside


def test_the_search_is_in_the_address_and_the_back_button_takes_it_back(
    page: Page, files: dict[str, Path]
) -> None:
    page.open(files["small"])
    every = len(shown(page, ".photo"))
    search(page, "find", "gala")
    some = len(shown(page, ".photo"))
    search(page, "face", "inferred")
    fewer = shown(page, ".photo")
    assert every > some >= len(fewer) > 0
    address = page.run("location.hash")
    assert address == "#find=gala&face=inferred"
    turned = "new Promise(done => { addEventListener('hashchange', () => setTimeout(done)); %s })"
    page.run(turned % "history.back()")
    assert len(shown(page, ".photo")) == some
    page.run(turned % "history.back()")
    assert len(shown(page, ".photo")) == every
    page.open(files["second"])
    page.open(files["small"], address)
    assert shown(page, ".photo") == fewer
    assert page.run("document.getElementById('more').hidden") is False


@pytest.mark.parametrize("width", [390, 1280])
def test_the_search_stays_in_view_and_hides_no_heading(
    page: Page, files: dict[str, Path], width: int
) -> None:
    page.resize(width)
    page.open(files["large"])
    for link in ("#look", "#found", "#counts"):
        assert follow(page, f"nav a[href='{link}']") == "there"
        bar, heading = page.run(
            "(() => { const bar = document.getElementById('filter').getBoundingClientRect();"
            f"const heading = document.querySelector('{link}').getBoundingClientRect();"
            "return [[bar.top, bar.bottom], heading.top] })()"
        )
        assert bar[0] == 0
        assert bar[1] <= heading


def test_photos_of_other_pages_are_counted_and_the_search_goes_along(
    page: Page, files: dict[str, Path], report: Report
) -> None:
    page.open(files["large"])
    search(page, "find", "2024/class 8b")
    parts = page.run(
        "[...document.querySelectorAll('#found ~ .parts a')].map("
        "a => [a.getAttribute('href'), parseInt(a.nextElementSibling.textContent)])"
    )
    wanted = sum(photo.key.startswith("2024/class 8b/") for photo in report.shown)
    assert sum(count for _, count in parts) == wanted
    assert len(parts) > 1
    href, count = next(part for part in parts[1:] if part[1])
    file, _, fragment = href.partition("#")
    page.open(files["small"])
    page.open(files["large"].with_name(file), f"#{fragment}")
    keys = shown(page, ".photo")
    assert len(keys) == count
    assert all(key.startswith("2024/class 8b/") for key in keys)


def test_every_page_is_small_enough_and_has_its_own_photos(
    files: dict[str, Path], report: Report
) -> None:
    pages = list(files["large"].parent.glob("*.html"))
    assert len(pages) > 2
    assert all(page.stat().st_size < 40_000_000 for page in pages)
    cards = [page.read_text("utf-8").count('<article id="photo-') for page in pages]
    assert sum(cards) == len(report.shown)


def test_answers_are_written_as_lines_of_a_file(page: Page, files: dict[str, Path]) -> None:
    page.open(files["small"])
    page.run(
        "(() => { const looks = document.querySelectorAll('.look');"
        "looks[0].querySelector('[value=yes]').click();"
        "looks[2].querySelector('[value=no]').click() })()"
    )
    looks = made_report(40, 200).looks
    head, yes, no, end = page.run("document.getElementById('answer-lines').value").split("\n")
    assert (head, end) == ("what,ids,person", "")
    assert yes == f"name,{looks[0].look.face_id},{looks[0].look.person}"
    assert no == f"not,{looks[2].look.face_id},{looks[2].look.person}"
    saved = page.run("document.getElementById('answers-save').href")
    assert unquote(saved.partition(",")[2]) == f"{head}\n{yes}\n{no}\n"


def printed_pages(page: Page) -> int:
    """The number of sheets of paper that the page takes."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf()))


def test_five_photos_and_their_people_are_printed_on_three_sheets(
    page: Page, tmp_path: Path
) -> None:
    few = replace(made_report(5, 8, people=6), clusters=(), clusters_total=0)
    path = tmp_path / "index.html"
    path.write_text(render_pages(few)[results.REPORT], "utf-8")
    page.open(path)
    assert printed_pages(page) <= 3
    search(page, "sheet", "1")
    assert printed_pages(page) <= 2


def test_the_sheet_of_a_class_has_its_people_and_photos_alone(
    page: Page, files: dict[str, Path]
) -> None:
    page.resize(1280)
    page.open(files["small"])
    search(page, "find", "2024/class 8b")
    search(page, "sheet", "1")
    visible = page.run(
        "[...document.querySelectorAll('section')].filter(s => s.getClientRects().length)"
        ".map(s => s.getAttribute('aria-labelledby'))"
    )
    assert visible == ["references", "found"]
    title = page.run("document.querySelector('.sheet-title').textContent")
    assert title.startswith("2024/class 8b: ")
    assert printed_pages(page) <= 2


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
