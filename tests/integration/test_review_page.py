"""The review page in a real Chromium, by the keyboard alone, over a made-up server."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import PROGRAM, Page, chromium
from tests.review_stub import HOSTILE, Made, make_app, serving

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium"),
]

NEW = (
    "Ada Lovelace", "Max Noetheren", "Nils Dahlberg", "Dora Svensson", "Sigrid Vangen",
    "Xenia Morosow", "Zora Petrovica", "Runa Eriksen", "Mona Haugland", "Ib Sorensen",
    "Karl Zimmermann", "Dina Nordberg", "Emil Rasmussen", "Nora Kristians", "Sven Mikkelsen",
    "Maja Xylander", "Petra Holmgren", "Anders Zorn", "Rolf Dammann", "Sofie Nygaard",
)  # fmt: skip
"""A fixed list of names, of 13 letters in the mean; many begin with a letter that is a command."""
KNOWN = ("Grace Hopperly", "Katherine Johnsen", "Margareta Hamilton")
AXE = Path(os.environ.get("AXE", "/nonexistent"))
"""The file axe.min.js of the npm package axe-core; without it the tests of it are skipped."""
SECONDS = 8
"""Time that something may take to appear; only a test that fails waits so long."""


def made(clusters: int = 20, *, faces: int = 4) -> Made:
    """People with names known, clusters without, suggestions and missing ones."""
    people = {
        name: [9000 + 100 * n + row for row in range(6)]
        for n, name in enumerate([*KNOWN, *HOSTILE])
    }
    return Made(
        {f"c{n}": [n * 20 + row for row in range(faces)] for n in range(clusters)},
        people,
        suggested=[(f"c{n}", [*KNOWN, *HOSTILE][n % 8]) for n in range(clusters)],
        missing=[
            (KNOWN[0], "2019/party/group.jpg", 700), (KNOWN[1], "2019/party/group.jpg", None),
            (HOSTILE[0], "2019/<b>x</b>\n\u202egpj.jpg", 701),
        ],
    )  # fmt: skip


class Review:
    """One page on one made archive."""

    def __init__(self, page: Page, address: str, archive: Made) -> None:
        self.page, self.address, self.made = page, address, archive
        self.press, self.type = page.press, page.press_all

    def open(self, path: str) -> None:
        self.page.visit(self.address + path)
        self.until("document.querySelector('main h1, main .empty')")

    def until(self, script: str) -> Any:
        """The value of an expression, once it is true; the page may be left meanwhile."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError):
                if found := self.page.run(f"(v => v instanceof Node || v)({script})"):
                    return found
            time.sleep(0.01)
        raise AssertionError(f"never: {script}")

    def said(self, words: str) -> None:
        self.until(f"document.querySelector('.sayings').innerText.includes({words!r})")

    def head(self, words: str) -> None:
        self.until(f"document.querySelector('main h1')?.innerText.includes({words!r})")

    def recorded(self, count: int) -> list[dict[str, Any]]:
        """The lines that were recorded, once they are so many."""
        for _ in range(800):
            if len(self.made.lines) == count:
                break
            time.sleep(0.01)
        assert len(self.made.lines) == count, self.made.lines
        return self.made.lines


Opened = Callable[..., Review]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        opened = browser.page()
        opened.send("Log.enable")
        yield opened


@pytest.fixture
def review(page: Page) -> Iterator[Opened]:
    """Serves a made archive and opens a page of it; nothing may be logged at the end."""
    servers = []

    def opened(path: str, archive: Made | None = None) -> Review:
        archive = archive or made()
        server = serving(make_app(archive))
        one = Review(page, server.__enter__(), archive)
        servers.append(server)
        one.open(path)
        return one

    page.resize(1280)
    page.emulate()
    yield opened
    assert [text for text in page.logged() if "409 (Conflict)" not in text] == []
    page.visit("about:blank")
    for server in servers:
        server.__exit__(None, None, None)


# -- unnamed --------------------------------------------------------------------------------------


def test_twenty_clusters_are_named_in_at_most_300_keys(review: Opened, page: Page) -> None:
    assert sum(map(len, NEW)) / len(NEW) == pytest.approx(13, abs=0.1)
    one = review("/unnamed")
    page.pressed = 0
    for name in NEW:
        one.type(name)
        one.press("Enter")
    lines = one.recorded(20)
    assert page.pressed <= 300, page.pressed
    assert [line["person"] for line in lines] == list(NEW)
    assert {line["what"] for line in lines} == {"name"}
    assert len({line["ids"] for line in lines}) == 20
    one.until("document.querySelector('main .empty')")


def test_known_people_need_few_letters(review: Opened, page: Page) -> None:
    one = review("/unnamed")
    page.pressed = 0
    for letters in ("gr", "kat", "ham"):
        one.type(letters)
        one.press("Enter")
    lines = one.recorded(3)
    assert [one.made.name(line["person"]) for line in lines] == list(KNOWN)
    assert page.pressed == 11


def test_keys_typed_before_the_answer_is_recorded_are_of_the_next(review: Opened) -> None:
    archive = made()
    archive.slow = 0.3
    one = review("/unnamed", archive)
    for name in NEW[:4]:
        one.type(name)
        one.press("Enter")
    assert [line["person"] for line in one.recorded(4)] == list(NEW[:4])
    assert [line["ids"] for line in one.made.lines] == ["c0", "c1", "c2", "c3"]


def test_shift_enter_takes_the_name_as_typed_and_arrows_choose(review: Opened) -> None:
    one = review("/unnamed")
    one.type("Grace")
    one.until("document.querySelector('[role=option]')")
    one.press("Shift+Enter")
    assert one.recorded(1)[0]["person"] == "Grace"
    one.said("Grace")
    one.type("Ma")
    one.until("document.querySelectorAll('main [role=option]').length > 1")
    one.press("ArrowUp")
    one.press("Enter")
    assert one.recorded(2)[1]["person"] == "Ma"


def test_a_look_alike_is_asked_about_in_the_page(review: Opened) -> None:
    one = review("/unnamed")
    one.type("Grace Hopperli")
    one.press("Enter")
    one.until("document.querySelector('.question')")
    assert one.made.lines == []
    one.press("1")
    assert one.recorded(1)[0]["person"] == "Grace Hopperly"
    one.until("!document.querySelector('.question')")
    one.type("Grace Hopperlu")
    one.press("Enter")
    one.until("document.querySelector('.question')")
    one.press("Enter")
    assert one.recorded(2)[1]["person"] == "Grace Hopperlu"
    one.until("!document.querySelector('.question')")
    one.type("Grace Hopperla")
    one.press("Enter")
    one.until("document.querySelector('.question')")
    one.press("Escape")
    one.until("document.querySelector('main input').value === 'Grace Hopperla'")
    assert len(one.made.lines) == 2


def test_marked_faces_are_left_out_and_kept_apart(review: Opened, page: Page) -> None:
    one = review("/unnamed")
    one.press("2")
    one.press("Escape")
    one.press("ArrowRight")
    one.press("ArrowRight")
    one.press("ArrowRight")
    one.press("x")
    assert page.run("document.querySelectorAll('.tile[aria-pressed=true]').length") == 2
    one.press("Enter")
    one.type("Ada Lovelace")
    one.press("Enter")
    name, apart = one.recorded(2)
    assert (name["what"], name["ids"], name["person"]) == ("name", "f0 f2", "Ada Lovelace")
    assert (apart["what"], apart["ids"]) == ("apart", "f1 f3 | f0 f2")


def test_marked_faces_of_a_large_cluster_leave_all_others_to_the_name(review: Opened) -> None:
    one = review("/unnamed", made(2, faces=1200))
    one.press("1")
    one.type("Ada")
    one.press("Enter")
    name = one.recorded(2)[0]
    assert len(name["ids"].split()) == 1199


@pytest.mark.parametrize("way", [["Alt+{}"], ["Escape", "{}"]], ids=["Alt", "from the faces"])
@pytest.mark.parametrize(
    ("key", "what", "ids"),
    [("m", "same", "c0 c1"), ("d", "dismiss", "c0"), ("n", "not_a_face", "c0")],
)
def test_the_keys_of_unnamed(review: Opened, way: list[str], key: str, what: str, ids: str) -> None:
    one = review("/unnamed")
    for press in way:
        one.press(press.format(key))
    [line] = one.recorded(1)
    assert (line["what"], line["ids"]) == (what, ids)


def test_what_was_merged_is_asked_about_as_one(review: Opened) -> None:
    one = review("/unnamed")
    one.press("Alt+m")
    one.until("document.querySelector('main .lead').innerText.startsWith('8 faces')")


def test_marked_faces_alone_are_no_faces(review: Opened) -> None:
    one = review("/unnamed")
    one.press("3")
    one.press("Alt+n")
    assert one.recorded(1)[0]["ids"] == "f2"


def test_skip_leaves_a_cluster_and_the_back_button_returns(review: Opened, page: Page) -> None:
    one = review("/unnamed")
    one.press("Alt+s")
    one.until("location.hash === '#c1'")
    page.run("history.back()")
    one.until("location.hash === '#c0'")
    one.type("Ada")
    one.press("Enter")
    assert one.recorded(1)[0]["ids"] == "c0"


# -- undo and others ------------------------------------------------------------------------------


def test_undo_takes_back_any_number_of_steps(review: Opened, page: Page) -> None:
    one = review("/unnamed")
    before = one.made.state()
    for name in NEW[:3]:
        one.type(name)
        one.press("Enter")
    one.press("Alt+d")
    one.recorded(4)
    one.until("location.hash === '#c4'")
    one.press("Ctrl+z")
    one.until("location.hash === '#c3'")
    one.press("Escape")
    for left in (2, 1, 0):
        one.press("z" if left == 2 else "Alt+z")
        one.recorded(left)
        one.until(f"location.hash === '#c{left}'")
    one.said("Taken back")
    assert {**one.made.state(), "version": 0} == {**before, "version": 0}
    one.type("Ada Lovelace")
    one.press("Enter")
    assert one.recorded(1)[0]["ids"] == "c0"


def test_answers_of_somebody_else_are_seen(review: Opened) -> None:
    one = review("/unnamed")
    one.type("Ad")
    one.made.record([{"what": "name", "ids": "c0", "person": "Eve"}], sure=True)
    one.said("Somebody else")
    one.until("location.hash === '#c1'")
    one.until("document.querySelector('nav .count').innerText === '19'")


# -- suggestions ----------------------------------------------------------------------------------


def test_the_keys_of_suggestions(review: Opened) -> None:
    one = review("/")
    one.head("Grace")
    one.press("Enter")
    assert one.recorded(1)[0] == {
        "what": "name",
        "ids": "c0",
        "person": one.made.person_id(KNOWN[0]),
    }
    one.said("4 faces are Grace Hopperly now")
    one.head("Katherine")
    one.press("x")
    assert one.recorded(2)[1] == {
        "what": "not",
        "ids": "c1",
        "person": one.made.person_id(KNOWN[1]),
    }
    one.head("Margareta")
    one.press("s")
    one.head("<img")
    one.press("z")
    one.head("Katherine")
    assert len(one.made.lines) == 1


@pytest.mark.parametrize("name", ["Xenia", "Sven", "Zora", "Petra Go", "maja"])
def test_a_capital_begins_another_name(review: Opened, name: str) -> None:
    one = review("/")
    one.head("Grace")
    one.type(name)
    one.press("Enter")
    assert one.recorded(1)[0] == {"what": "name", "ids": "c0", "person": name}


def test_the_order_is_asked_for_anew_after_a_handful(review: Opened, page: Page) -> None:
    entries = "performance.getEntriesByType('resource')"
    asked = f"{entries}.filter(e => /suggestions[?]/.test(e.name)).length"
    one = review("/")
    for count in range(1, 5):
        one.head(f"Is this {[*KNOWN, *HOSTILE][count - 1].split()[0]}")
        one.press("Enter")
        one.recorded(count)
    assert page.run(asked) == 1
    one.until("document.querySelector('.told').innerText.includes('<img')")
    one.press("Enter")
    one.recorded(5)
    one.until(f"{asked} === 2")


def test_a_sheet_is_taken_at_once(review: Opened, page: Page) -> None:
    one = review("/")
    one.head("Grace")
    one.press("Shift+Enter")
    one.until("document.querySelectorAll('.sheet .tile').length === 12")
    assert one.made.lines == []
    one.press("ArrowRight")
    one.press("x")
    one.press("ArrowRight")
    one.press("s")
    one.press("Shift+Enter")
    lines = one.recorded(11)
    assert [line["what"] for line in lines].count("not") == 1
    assert "c2" not in {line["ids"] for line in lines}
    one.said("11 answers named 40 faces")
    one.press("z")
    one.recorded(0)


def test_the_less_likely_ones_of_a_sheet_are_no_yes_by_themselves(review: Opened) -> None:
    archive = made(4)
    archive.likely = 0.2
    one = review("/", archive)
    one.head("Grace")
    one.press("Shift+Enter")
    one.until("document.querySelectorAll('.sheet .tile[data-say=skip]').length === 4")
    one.press("s")
    one.press("Shift+Enter")
    assert [line["ids"] for line in one.recorded(1)] == ["c0"]


def test_a_stranger_is_asked_about_by_name(review: Opened) -> None:
    archive = Made({"c0": [1, 2], "c1": [3], "c2": [4, 5]}, {KNOWN[0]: [10]}, asks_who=True)
    one = review("/", archive)
    one.head("Who is this?")
    one.until("document.activeElement.matches('main input')")
    one.until("document.activeElement.labels[0].textContent === 'Name'")
    one.type("Zelda Quist")
    one.press("Enter")
    one.until("document.querySelector('.told').innerText.includes('Zelda')")
    one.press("Alt+d")
    lines = one.recorded(2)
    assert lines[0] == {"what": "name", "ids": "c0", "person": "Zelda Quist"}
    assert lines[1] == {"what": "dismiss", "ids": "c1"}
    one.press("Alt+s")
    one.press("Alt+z")
    one.recorded(1)


# -- person ---------------------------------------------------------------------------------------


def person_page(archive: Made, name: str = KNOWN[0]) -> str:
    return f"/person/{archive.person_id(name)}"


def test_the_keys_of_a_person(review: Opened, page: Page) -> None:
    archive = made()
    one = review(person_page(archive), archive)
    one.until("document.activeElement.matches('.tile')")
    one.press("ArrowRight")
    one.press("x")
    assert one.recorded(1)[0]["ids"] == "f9001"
    one.until("document.querySelector('.tile[data-wrong=true]')")
    one.press("r")
    assert one.recorded(2)[1] == {
        "what": "reference", "ids": "f9002", "person": archive.person_id(KNOWN[0])
    }  # fmt: skip
    one.until("document.querySelectorAll('.tile .badge').length === 4")
    one.press("r")
    assert one.recorded(3)[2]["what"] == "no_reference"


def test_a_rename_warns_of_a_merge(review: Opened) -> None:
    archive = made()
    one = review(person_page(archive), archive)
    one.until("document.activeElement.matches('.tile')")
    one.press("n")
    one.type(KNOWN[1])
    one.press("Enter")
    one.until("document.querySelector('.question')?.innerText.includes('become one')")
    assert archive.lines == []
    one.press("Enter")
    [line] = one.recorded(1)
    assert (line["what"], line["person"]) == ("rename", KNOWN[1])


def test_a_person_is_found_by_name(review: Opened) -> None:
    one = review("/missing")
    one.press("p")
    one.type("mar")
    one.press("Enter")
    one.until("location.pathname.startsWith('/person/')")
    one.head("Margareta")


# -- missing --------------------------------------------------------------------------------------


def test_the_keys_of_missing(review: Opened) -> None:
    one = review("/missing")
    one.head("Is this Grace")
    one.press("Enter")
    assert one.recorded(1)[0] == {
        "what": "name",
        "ids": "f700",
        "person": one.made.person_id(KNOWN[0]),
    }
    one.head("Where is Katherine")
    one.press("a")
    assert one.recorded(2)[1] == {
        "what": "accept_absent",
        "person": one.made.person_id(KNOWN[1]),
        "photo": "2019/party/group.jpg",
    }  # fmt: skip
    one.head("<img")
    one.press("s")
    one.press("a")
    one.recorded(3)
    one.until("document.querySelector('main .empty')")


def test_a_box_is_drawn_by_keyboard(review: Opened) -> None:
    one = review("/missing")
    one.head("Is this Grace")
    one.press("b")
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown", "Alt+ArrowLeft"):
        one.press(key)
    one.press("Enter")
    [line] = one.recorded(1)
    assert (line["what"], line["photo"]) == ("face", "2019/party/group.jpg")
    # 390 240 120 120 at first; steps of 15 and 3 pixels
    assert line["box"] == "372 225 135 135"


def test_a_box_is_drawn_with_the_mouse(review: Opened, page: Page) -> None:
    one = review("/missing")
    area = one.until(
        "(() => { const a = document.querySelector('.plate')?.getBoundingClientRect();"
        "return a?.width && document.querySelector('.plate img').complete"
        " && [a.x, a.y, a.width, a.height] })()"
    )
    x, y, width, height = area
    spots = [(x + 0.5 * width, y + 0.5 * height), (x + 0.7 * width, y + 0.8 * height)]
    kinds = ["mousePressed", "mouseMoved", "mouseReleased"]
    for kind, (left, top) in zip(kinds, [spots[0], spots[1], spots[1]], strict=True):
        page.send("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", clickCount=1)
    one.until("document.querySelector('.frame.drawn')")
    one.press("Enter")
    box = [int(number) for number in one.recorded(1)[0]["box"].split()]
    assert box == pytest.approx([450, 300, 180, 180], abs=4)


def test_escape_takes_a_box_away(review: Opened) -> None:
    one = review("/missing")
    one.head("Is this Grace")
    one.press("b")
    one.until("document.querySelector('.frame.drawn')")
    one.press("Escape")
    one.until("!document.querySelector('.frame.drawn')")
    one.press("Enter")
    assert one.recorded(1)[0]["what"] == "name"


# -- everywhere -----------------------------------------------------------------------------------


def test_apply_now_shows_its_effect(review: Opened) -> None:
    one = review("/unnamed")
    one.type("Ada")
    one.press("Enter")
    one.recorded(1)
    one.press("Alt+a")
    table = one.until("document.querySelector('dialog .effect')?.innerText")
    assert "40" in table
    assert "61" in table
    one.press("Escape")
    one.until("!document.querySelector('dialog')")


@pytest.mark.parametrize("path", ["/", "/unnamed", "/missing", "person"])
def test_the_keys_are_on_a_card(review: Opened, path: str) -> None:
    archive = made()
    one = review(person_page(archive) if path == "person" else path, archive)
    one.press("Shift+?")
    one.until("document.querySelector('dialog.help dl')")
    one.press("Escape")
    one.until("!document.querySelector('dialog')")
    one.press("g")
    one.press("u")
    one.until("location.pathname === '/unnamed'")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_nothing_but_show(review: Opened, page: Page, name: str) -> None:
    archive = Made(
        {"c0": [1, 2, 3, 4], "c1": [5]}, {name: [10, 11]},
        suggested=[("c0", name)], missing=[(name, name, 10)],
    )  # fmt: skip
    one = review("/", archive)
    for path in ("/", "/unnamed", "/missing", person_page(archive, name)):
        one.open(path)
        if path == "/unnamed":
            page.type(name[:3])
            one.until("document.querySelector('[role=option]')")
        assert page.run("document.querySelector('main img[src=\"x\"], main script')") is None
        assert page.run("document.title.includes('headcount review')")
        for width in (390, 1280):
            page.resize(width)
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (path, width)
    one.open("/unnamed")
    page.type(f"{name} the other")
    one.press("Shift+Enter")
    assert one.recorded(1)[0]["person"] == f"{name} the other".replace("\n", " ")


PAGES = {
    "suggestions": ("/", []),
    "sheet": ("/", ["Shift+Enter", "x"]),
    "unnamed": ("/unnamed", ["2", "g", "r"]),
    "question": ("/unnamed", [*"Grace Hopperli", "Enter"]),
    "person": ("person", []),
    "missing": ("/missing", ["b"]),
    "help": ("/", ["Shift+?"]),
    "empty": ("/unnamed", ["Alt+d", "Alt+d"]),
}


@pytest.mark.parametrize("view", PAGES)
def test_views_are_accessible_and_fit_a_phone(review: Opened, page: Page, view: str) -> None:
    path, keys = PAGES[view]
    archive = made(2 if view == "empty" else 20, faces=12)
    for width, colours in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
        page.resize(width)
        page.emulate(prefers_color_scheme=colours, prefers_reduced_motion="reduce")
        one = review(person_page(archive) if path == "person" else path, archive)
        for key in keys:
            one.press(key)
        one.page.run("new Promise(done => setTimeout(done, 300))")
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), (width, colours)
        picture = os.environ.get("PICTURES")
        if picture:
            Path(picture, f"stub-{view}-{width}-{colours}.png").write_bytes(page.picture())
        if AXE.is_file():
            page.run(AXE.read_text("utf-8") + ";0")
            found = page.run(
                "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
                "v => `${v.id} (${v.nodes.length}: ${v.nodes[0].html.slice(0, 200)})`))"
            )
            assert found == [], (width, colours)
