"""The report page: what it says, escaped, linked and complete, also where there is nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from headcount.assignments.checks.figures import block, with_block
from headcount.contract.vocabulary import EXPECTED_HERE, Box, Decision
from tests.workers.report.views import (
    EMPTY,
    FULL,
    MATCHED,
    MISSING,
    PACK,
    PHOTO,
    ROWS,
    SPEC,
    UNKNOWN,
    reference,
)
from workers.report import labels, phrases
from workers.report.page import along, link, render, size
from workers.report.palette import TONES, hexadecimal
from workers.report.view import (
    Failure,
    ShownCluster,
    ShownFace,
    ShownLook,
    ShownMissing,
    ShownPerson,
    ShownPhoto,
)
from workers.report.worth_a_look import Kind, Look

NASTY = "a/<script>alert('1')</script> \"&#\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 900 + ".jpg"


class Outline(HTMLParser):
    """Collects what the tests ask of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "link", "br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def words(page: str) -> str:
    """A page's text, without markup."""
    body = re.sub(r"<(style|script)\b[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    inline = re.sub(r"</?(bdi|b|a|strong)\b[^>]*>", "", body)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inline)).split())


def test_every_figure_of_the_run_is_on_the_page():
    said = words(render(FULL))
    figures = (
        "31,000", "28,000", "2,997", "96,123", "96,000", "3,131", "1,234", "1,412", "907",
        "1,007", "0.71", "97 %", "0.52", "0.21", "0.36", "0.04", "5.2 s", "1 h 10 min",
    )  # fmt: skip
    assert [figure for figure in figures if figure not in said] == []
    assert "found 19 times in 17 photos" in said
    assert "1,412 faces in 907 photos · 2 shown" in said


def test_checks_have_a_place_in_its_head_that_is_filled_later():
    page = render(FULL)
    head, _, _ = page.partition("</header>")
    assert block([]) in head, "a new job has none"
    told = with_block(page, ["wrong names <1> of 100"])
    assert told == render(replace(FULL, checked=("wrong names <1> of 100",)))
    assert "wrong names &lt;1&gt; of 100" in told


def test_where_it_comes_from_is_on_the_page():
    said = words(render(FULL))
    for fact in (SPEC.photos, SPEC.job_id, "4 November 2026, 03:18 UTC", PACK.name, PACK.licence,
                 PACK.digest):  # fmt: skip
        assert str(fact) in said


def test_sections_come_in_their_order():
    page = render(FULL)
    ids = ["missing", "references", "found", "unnamed", "counts", "failures", "reading"]
    places = [page.index(f'<h2 id="{name}"') for name in ids]
    assert places == sorted(places)
    assert {f"#{name}" for name in ids} <= {a["href"] for a in Outline(page).of("a")}


def test_keys_and_names_are_escaped_wherever_they_are_shown():
    name = "<img src=x onerror=alert(2)>\"'"
    nasty_face = replace(MATCHED, person=name, nearest=name, runner_up=name)
    report = replace(
        FULL,
        spec=SPEC.model_copy(update={"photos": f"s3://{NASTY}"}),
        people=(ShownPerson("p1", name, 1, 1, 1, (reference("unreadable", NASTY),)),),
        shown=(ShownPhoto(NASTY, 1, 1, (nasty_face,), (name,), NASTY, b"p"),),
        clusters=(ShownCluster('c"><script>', 1, 1, ((NASTY, b"one"),)),),
        failures=(Failure("unreadable", NASTY, 1, (NASTY,)),),
        missing=replace(
            MISSING,
            rows=ROWS.take([0]).set_column(
                *(ROWS.schema.get_field_index("person"), "person", [[name]])
            ),
        ),
        seconds={"<b>": 1.0},
    )
    outline = Outline(render(report))
    assert [script.get("type") for script in outline.of("script")] == [
        *["application/json"] * 2,
        None,
    ]
    assert all("onerror" not in attributes for _, attributes in outline.tags)
    assert " ".join(NASTY.split()) in words(render(report))
    assert outline.open == []


def test_half_surrogates_in_a_key_do_not_break_the_page():
    page = render(replace(FULL, shown=(replace(PHOTO, key="caf\udce9.jpg", annotated="\udce9"),)))
    assert b"caf?.jpg" in page.encode("utf-8")


def test_nothing_is_loaded_from_anywhere():
    page = render(FULL)
    outline = Outline(page)
    sources = [attributes["src"] for attributes in outline.of("img")]
    assert sources
    assert all(source and source.startswith("data:image/jpeg;base64,") for source in sources)
    assert outline.of("link", "iframe", "object", "embed") == []
    assert all("src" not in script for script in outline.of("script"))
    assert re.findall(r"url\((?!data:)", page) == []
    assert "@import" not in page
    policy = next(m["content"] for m in outline.of("meta") if m.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy


def test_the_policy_allows_the_page_s_own_script():
    page = render(FULL)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page


def test_links_are_quoted_and_relative():
    assert link("../annotated/day 1/50%?#é.jpg") == "../annotated/day%201/50%25%3F%23%C3%A9.jpg"
    assert link("javascript:alert(1)") == "javascript%3Aalert%281%29"
    assert link("//elsewhere/x") == "elsewhere/x"
    hrefs = {attributes["href"] for attributes in Outline(render(FULL)).of("a")}
    assert {"../annotated/trip/day%201.jpg", "../photos.parquet", "../faces.parquet"} <= hrefs
    assert "#cluster-1" in hrefs


def test_links_name_the_format_that_was_written():
    spec = SPEC.model_copy(update={"formats": ("csv",)})
    assert 'href="../faces.csv"' in render(replace(FULL, spec=spec))


def test_where_only_some_are_shown_it_says_so():
    said = words(render(FULL))
    assert "1 of 31,000 shown." in said
    assert "1 of 3,131 shown; all are in clusters.parquet" in said
    assert "2 of 3 people shown; all are in people.parquet" in said
    assert "and 1 more, in photos.parquet" in said
    assert "1 of 1 shown" not in words(render(replace(FULL, photos=1)))


def test_a_cut_list_of_people_keeps_its_totals():
    report = replace(FULL, people_total=5_120, people_found=2_048)
    assert "2,048 people recognised 23 times" in phrases.sentence(report)
    assert "3 of 5,120 people listed" in words(render(report))


def test_who_was_passed_over_as_forgotten_is_counted_and_not_named():
    assert "forgotten" not in words(render(FULL))
    said = words(render(replace(FULL, references_forgotten=2, expected_forgotten=1)))
    assert "people were forgotten: 2 reference photos, 1 person expected in photos" in said


def test_a_person_missing_is_said_in_red():
    page = render(FULL)
    block = re.search(r'<p class="alert missing">(.*?)</p>', page)
    assert block is not None
    assert words(block[1]) == "Expected and not found: Mary Anning"


@pytest.mark.parametrize(
    "state", ["no_face", "ambiguous", "blurred", "cut_off", "unlike", "unreadable"]
)
def test_a_reference_that_could_not_be_used_says_what_to_do(state: str):
    person = ShownPerson("p1", "Ada", 0, 0, 0, (reference(state, "because"),))
    page = render(replace(FULL, people=(person,)))
    alerts = [words(found) for found in re.findall(r'<p class="alert">(.*?)</p>', page)]
    assert f"because. {phrases.REMEDIES[state]}" in alerts
    assert any("cannot be recognised" in alert for alert in alerts)


def test_where_every_reference_failed_nobody_is_told_to_make_a_folder():
    person = ShownPerson("", "Ada", 0, 0, 0, (reference("no_face", "no face"),))
    said = words(render(replace(EMPTY, people=(person,), people_total=0, people_refused=300)))
    assert "No people are enrolled" not in said
    assert phrases.REMEDIES["no_face"] in said
    assert (
        "None of the references of 300 people could be used; headcount enroll lists them all."
        in said
    )


def test_a_reference_that_was_taken_with_a_note_says_why_and_is_no_alert():
    person = ShownPerson("p1", "Ada", 1, 0, 0, (reference("enrolled", "of several <faces>"),))
    page = render(replace(FULL, people=(person,)))
    assert '<p class="quiet"><bdi>of several &lt;faces&gt;</bdi></p>' in page
    assert 'class="alert"' not in page


def test_references_that_were_used_are_no_alert():
    people = (ShownPerson("p1", "Ada", 2, 0, 0, (reference("enrolled"), reference("known"))),)
    assert 'class="alert"' not in render(replace(FULL, people=people))


def test_the_threshold_and_the_similarity_are_marked_on_the_bar():
    assert 'style="width:71.4%"></span><i style="left:36.0%"' in render(FULL)
    assert along(-0.2) == "0.0%"
    assert along(None) == "0.0%"
    assert along(1.2) == "100.0%"


def test_every_decision_has_its_colour_and_its_word():
    page = render(FULL)
    for decision in Decision:
        assert f"--{decision}:{hexadecimal(TONES[decision].fill)};" in page
        assert f"</span> {phrases.DECISIONS[decision]}</span>" in page


def test_without_calibration_there_is_no_probability():
    pack = PACK.model_copy(update={"calibration": None})
    photo = replace(PHOTO, faces=(replace(MATCHED, probability=None),))
    said = words(render(replace(FULL, pack=pack, shown=(photo,), people=FULL.people[:2])))
    assert "Probability not calibrated" in said
    assert "This model pack is not calibrated" in said
    assert "None" not in said.split()


def said_of(face: ShownFace) -> str:
    return words(render(replace(FULL, shown=(replace(PHOTO, faces=(face,)),), people=())))


def test_only_names_have_a_probability():
    assert "Probability 97 %" in said_of(MATCHED)
    unknown = said_of(replace(UNKNOWN, probability=0.43))
    assert "43 %" not in unknown
    assert "Nearest is Grace Hopper, not similar enough" in unknown
    grouped = replace(MATCHED, decision=Decision.INFERRED, probability=0.12)
    assert "Probability 12 % by itself" in said_of(grouped)
    assert "12 %" not in said_of(replace(grouped, nearest="Grace Hopper"))
    expected = replace(grouped, nearest="Grace Hopper", evidence=EXPECTED_HERE)
    assert "Probability 12 %" in said_of(expected)
    assert "12 % by itself" not in said_of(expected)


def test_the_bar_goes_by_what_the_similarity_is_worth():
    poor = replace(UNKNOWN, similarity=0.5, discount=0.2)
    page = render(replace(FULL, shown=(replace(PHOTO, faces=(poor,)),)))
    assert 'aria-label="Similarity 0.30 after the discount' in page
    assert '<span style="width:30.0%">' in page
    assert "Similarity 0.50, worth 0.30" in words(page)


def test_many_faces_unfold():
    page = render(replace(FULL, shown=(replace(PHOTO, faces=(UNKNOWN,) * 50),)))
    assert "<summary>38 more faces</summary>" in page
    assert page.count('<li class="face">') == 50


def test_the_filter_knows_who_is_in_a_photo():
    attributes = [a for a in Outline(render(FULL)).of("article") if "data-words" in a]
    assert attributes[0]["data-words"] == "ignored matched missing p0 p1 unknown"


def test_an_empty_run_says_so_everywhere():
    said = words(render(EMPTY))
    assert "0 photos, 0 faces." in said
    assert "No people are enrolled" in said
    assert "The collection has no photos" in said
    assert "Nobody: no face was found" in said
    assert "None: every photo was processed" in said


def test_photos_without_any_face():
    report = replace(EMPTY, photos=7, outcomes={"no_face": 7})
    assert "No face was found in 7 photos." in words(render(report))


def test_no_clusters_and_no_failures():
    said = words(render(replace(FULL, clusters_total=0, clusters=(), failures=(), outcomes={})))
    assert "every face that could be judged has a name" in said
    assert "None: every photo was processed" in said


def test_faces_without_any_picture_have_a_placeholder():
    bare = replace(PHOTO, preview=b"", annotated=None, faces=(replace(MATCHED, crop=b""),))
    page = render(replace(FULL, shown=(bare,)))
    assert 'class="plate blank" role="img"' in page
    assert 'class="crop blank" role="img"' in page


def test_enrolling_only():
    spec = SPEC.model_copy(update={"photos": None})
    assert "people were enrolled only" in words(render(replace(EMPTY, spec=spec)))


def test_every_picture_has_words_and_every_region_a_name():
    outline = Outline(render(FULL))
    assert all(attributes.get("alt") for attributes in outline.of("img"))
    assert {tag for tag, _ in outline.tags} >= {"header", "nav", "main", "footer"}
    assert all("aria-labelledby" in attributes for attributes in outline.of("section"))


def test_without_a_roster_there_is_no_section_of_the_missing() -> None:
    page = render(replace(FULL, missing=None))
    assert 'id="missing' not in page
    assert "#missing" not in page
    assert "expected.parquet" not in page
    assert len(Outline(page).of("script")) == 2


def test_where_everybody_was_found_it_says_so() -> None:
    met = ShownMissing(ROWS.slice(0, 0), {"present": 7})
    said = words(render(replace(FULL, missing=met)))
    assert "Nobody: 7 expectations, and everybody was found." in said
    assert "expected and not" not in said


def test_absences_are_counted_apart_from_what_could_not_be_checked() -> None:
    said = words(render(FULL))
    assert "1,007 times somebody was expected and not found, of 3,009 expectations." in said
    assert "Near miss 1 Absent 1,006" in said
    assert "2 expectations that cannot be told, and are nobody's absence." in said
    assert "1,007 expected and not found, 2 expected and not checked" in phrases.sentence(FULL)


def test_without_script_everybody_is_listed_with_a_link_to_the_photo() -> None:
    page = render(FULL)
    plain = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert plain is not None
    assert words(plain[1]) == (
        "Ada Lovelace in some photo of trip/: absent; why absent "
        "lost/: photo not in the collection; why photo_absent "
        "Grace Hopper trip/day 1.jpg: near miss; 0.02 below "
        "Mary Anning trip/day 1.jpg: absent; why absent "
        "No One trip/day 1.jpg: not enrolled; why not_enrolled"
    )
    assert plain[1].count('href="#photo-1"') == 3
    assert "photo-1" in {article.get("id") for article in Outline(page).of("article")}


def test_a_list_too_long_without_script_names_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.report.missing_data.PLAIN_ROWS", 4)
    assert "All rows are in expected.parquet" in words(render(FULL))


def test_a_browser_knows_the_size_of_each_photo_before_it_is_decoded() -> None:
    wide = io.BytesIO()
    Image.new("RGB", (720, 480)).save(wide, "JPEG")
    photo = replace(PHOTO, preview=wide.getvalue())
    assert 'style="--wide:720px;--ratio:1.5"' in render(replace(FULL, shown=(photo,)))
    assert size(b"no picture") == (3, 2)


def test_people_whose_references_are_alike_are_told_by_name() -> None:
    page = render(replace(FULL, look_alikes=(("Ada <b>", "Eda", 0.614),)))
    assert "as alike as two photos of one person (0.61)" in page
    assert "<bdi>Ada &lt;b&gt;</bdi> and <bdi>Eda</bdi>" in page
    assert "as alike as two photos" not in render(FULL)


def test_files_that_were_left_out_are_told() -> None:
    assert "left out" not in words(render(FULL))
    page = words(render(replace(FULL, left_out=("2 files left out: 2 in <eaDir>", "3 of a kind"))))
    assert "2 files left out: 2 in <eaDir>. 3 of a kind." in page


def test_photos_of_an_older_reading_are_told_with_the_option_that_mends_it() -> None:
    assert "older version" not in words(render(FULL))
    page = render(replace(FULL, older_reading=1_200))
    assert "<code>--reread 1000</code>" in page
    assert (
        "1,200 photos were read by an older version: --reread 1000 reads them anew over some "
        "nights."
    ) in words(page)
    assert "1 photo was read by an older version: --reread all reads it anew." in words(
        render(replace(FULL, older_reading=1))
    )


def test_a_photo_that_is_not_all_there_says_so() -> None:
    note = "the last 24 rows are missing; only the best 5 of 11 faces were kept"
    assert note in words(render(replace(FULL, shown=(replace(PHOTO, note=note),))))
    assert "missing;" not in words(render(replace(FULL, shown=(PHOTO,))))


def test_photos_are_ordered_and_filtered_by_date_where_any_tells_it() -> None:
    page = render(FULL)
    assert 'data-taken="2019-07-04T15:30:12"' in page
    assert 'taken <time datetime="2019-07-04T15:30:12">4 July 2019, 15:30</time>' in page
    assert 'name="order"' in page
    undated = render(replace(FULL, shown=(replace(PHOTO, taken=None),)))
    assert "data-taken=" not in undated
    assert 'name="order"' not in undated
    some = render(replace(FULL, shown=(PHOTO, replace(PHOTO, taken=None))))
    assert "1 of the photos shown tell when they were taken" in some


def test_what_somebody_checked_is_said_at_the_head() -> None:
    said = "Wrong names 1 of 100: at most 4.7 %"
    page = render(replace(FULL, checked=(said,)))
    assert said in words(page[: page.index("<nav")])
    assert 'class="checked"' not in render(FULL)


def test_a_face_worth_a_look_is_shown_beside_its_reference_with_its_lines() -> None:
    look = Look(Kind.NEAR_MISS, PHOTO.key, "f1", "Grace <Hopper>", "grace", "c3f2a9d1", 2)
    face = replace(UNKNOWN, similarity=0.359, crop=b"crop")
    page = render(replace(FULL, looks=(ShownLook(look, face, b"reference", "grace/1.jpg"),)))
    section = page[page.index('<h2 id="look"') : page.index('<h2 id="references"')]
    said = words(section)
    assert "Is this Grace <Hopper>? Near miss 0.359 of 0.360" in said
    assert "2 more faces of group c3f2" in said
    assert "headcount apply answers.csv --now --archive s3://museum/headcount/" in said
    assert 'href="#photo-1"' in section
    assert 'data-yes="name,f1,Grace &lt;Hopper&gt;"' in section
    assert section.count("data:image/jpeg;base64,") == 2
    assert 'id="look"' not in render(FULL)


def test_the_commands_of_the_page_have_their_archive() -> None:
    said = words(render(FULL))
    assert 'headcount name CLUSTER "NAME" --archive s3://museum/headcount/' in said


def test_a_name_that_a_number_stands_for_on_the_photo_is_said_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labels, "can_draw", lambda name: name.isascii())
    left = replace(PHOTO.faces[0], face_id="left", person="Ada", decision=Decision.MATCHED)
    right = replace(left, face_id="right", person="李明", box=Box(left.box.x + 500, 0, 50, 50))
    page = render(replace(FULL, shown=(replace(PHOTO, faces=(right, left)),)))
    card = words(page[page.index('<article id="photo-1"') :])
    assert "李明 face 2 on the photo" in card
    assert "Ada face" not in card
