"""The page's own files: colours as the report's, no markup made of data, phrases in one table."""

import re
from pathlib import Path

import workers
from workers.report.palette import css_variables

ROOM = Path(workers.__file__).parent
WEB = ROOM / "web"
SCRIPTS = {path.name: path.read_text() for path in sorted((WEB / "static").glob("*.js"))}
TEMPLATES = {path.name: path.read_text() for path in sorted((WEB / "templates").glob("*.html"))}
COLOUR = re.compile(r"(--[\w-]+):(#[0-9a-f]{3,6})\b")


def test_the_colours_are_those_of_the_report() -> None:
    page = (WEB / "static" / "page.css").read_text()
    report = (ROOM / "report" / "templates" / "page.css").read_text()
    ours = COLOUR.findall(page)
    assert len(ours) > 20
    on_paper = {("--paper", "#fff")}
    theirs = set(COLOUR.findall(report)) | set(COLOUR.findall(css_variables()))
    assert set(ours) == theirs - on_paper


def test_no_template_has_script_or_style_of_its_own() -> None:
    assert {"base.html", "unnamed.html"} <= set(TEMPLATES)
    for name, text in TEMPLATES.items():
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text) == [], name
        assert re.findall(r"<script(?![^>]*\ssrc=)", text) == [], name
        assert "|safe" not in text.replace(" ", ""), name


def test_no_script_makes_markup_or_code_of_text() -> None:
    assert len(SCRIPTS) > 8
    for name, text in SCRIPTS.items():
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc",
            text,
        )
        assert found == [], name


def test_every_phrase_is_in_the_table_and_used() -> None:
    table = SCRIPTS["phrases.js"].partition("export const KEYS")[0]
    phrases = set(re.findall(r"^  (\w+): [\"\[]", table, re.M))
    others = "\n".join(text for name, text in SCRIPTS.items() if name != "phrases.js")
    named = set(re.findall(r"\b(?:say|words)\(\"(\w+)\"", others))
    named |= set(re.findall(r"\baction\([^,()]+, \"(\w+)\"", others))
    assert len(phrases) > 80
    assert named <= phrases
    used = set(re.findall(r"[\"`](\w+)[\"`]", others))
    made = ("view_", "tile_", "_count")  # names of phrases that are put together
    statuses = set(
        re.findall(r"^  (near_miss|too_poor_to_say|absent|photo_\w+|not_enrolled):", table, re.M)
    )
    effect = {"faces_named", "unnamed_faces", "unnamed_clusters", "missing"}
    unused = {p for p in phrases - used - statuses - effect if not any(m in p for m in made)}
    assert unused == set()
