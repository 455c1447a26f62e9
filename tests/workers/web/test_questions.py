"""The order of questions on the page: what answers do to it, at once and for good."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headcount.collections.photos import collection_id
from headcount.contract.vocabulary import person_id
from headcount.storage import Store
from tests.review_page import Page, Seen, cluster_id, face_id, make_archive, page_of, say
from tests.workers.web.conftest import ADA, BERTA, OTHER, RARE, STRANGER
from workers.web.describe import View
from workers.web.overlay import settle
from workers.web.questions import Questions

NAMED = {"what": "name", "ids": cluster_id(STRANGER), "person": "Carl Ix"}


def split(count: int = 4) -> list[Seen]:
    """A stranger in three clusters, in photos of their own, beside an enrolled person."""
    found = [Seen(f"{n}.jpg", STRANGER, cluster=f"k{n // count}") for n in range(3 * count)]
    return [*found, *(Seen(f"o{n}.jpg", OTHER) for n in range(3)), Seen("a.jpg", ADA, "Ada Quist")]


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Page]:
    store = make_archive(
        tmp_path / "split", split(), enrolled={"Ada Quist": ADA, "Berta Ohm": BERTA}
    )
    with page_of(store) as page:
        yield page


def sheet(page: Page) -> list[tuple[str, str]]:
    found = page.get("/api/suggestions?sheet=1")
    return [(one["cluster_id"], one["person"]["person"]) for one in found]


def asked_of(page: Page) -> Any:
    view = View.of(page.session.index)
    return page.session.asked(view)


def agrees(page: Page) -> bool:
    """Whether the questions know the faces as the page shows them."""
    view, asked = View.of(page.session.index), asked_of(page)
    overlay = view.shown.overlay
    people = [asked.person_at(n) if n >= 0 else None for n in asked.suggestions._scores.person]
    shown = [overlay.people[code][0] if code >= 0 else None for code in overlay.person]
    waiting = np.array([asked.suggestions.group_of(row) >= 0 for row in range(len(people))])
    return people == shown and bool(np.array_equal(waiting, view.shown.unnamed))


@pytest.mark.parametrize(
    "act",
    [
        NAMED,
        {"what": "name", "ids": face_id(1), "person": "Ada Quist"},
        {"what": "not", "ids": face_id(0), "person": "Ada Quist"},
        {"what": "same", "ids": f"{cluster_id(RARE)} {cluster_id(OTHER)}"},
        {"what": "apart", "ids": f"{face_id(1)} | {face_id(4)}"},
        {"what": "dismiss", "ids": cluster_id(OTHER)},
        {"what": "not_a_face", "ids": face_id(0)},
        {"what": "rename", "ids": "Ada Quist", "person": "Ada Novak"},
    ],
)
def test_the_questions_know_every_answer_and_what_takes_it_back(
    page: Page, act: dict[str, str]
) -> None:
    before = page.get("/api/suggestions"), page.get("/api/suggestions?sheet=1")
    assert agrees(page)
    page.say(act)
    assert agrees(page)
    page.ask("/api/undo", {"steps": 1})
    assert agrees(page)
    assert (page.get("/api/suggestions"), page.get("/api/suggestions?sheet=1")) == before


def test_an_earlier_answer_is_taken_back_by_its_id(page: Page) -> None:
    first = page.say({"what": "name", "ids": cluster_id(OTHER), "person": "Dora Ypsilon"})
    page.say({"what": "dismiss", "ids": cluster_id(STRANGER)})
    page.say({"what": "name", "ids": cluster_id(RARE), "person": "Dora Ypsilon"})
    page.ask("/api/undo", {"ids": first["answers"]})
    assert agrees(page)
    found = page.get("/api/suggestions")[0]
    assert (found["cluster_id"], found["person"]) == (cluster_id(OTHER), None)


def test_who_was_named_is_suggested_for_the_next_alike_cluster(strangers: Page) -> None:
    assert "Carl Ix" not in [person for _, person in sheet(strangers)]
    strangers.say({"what": "name", "ids": "k0", "person": "Carl Ix"})
    found = dict(sheet(strangers))
    assert found["k1"] == found["k2"] == "Carl Ix"
    [one] = strangers.get("/api/clusters?limit=1")
    assert one["suggestion"]["person"] == "Carl Ix"


def test_no_is_for_good_also_after_new_results(strangers: Page) -> None:
    strangers.say({"what": "name", "ids": "k0", "person": "Carl Ix"})
    strangers.say({"what": "not", "ids": "k1", "person": "Carl Ix"})
    assert ("k1", "Carl Ix") not in sheet(strangers)
    assert ("k2", "Carl Ix") in sheet(strangers)
    again = [Seen(one.photo, one.whose, one.person, one.cluster) for one in split()]
    index = strangers.session.index
    part = index.results.part
    say(index.store, collection_id(part.uri), again, "20261129-100000-abcdef")
    strangers.session.look()
    assert index.results.said.job_id == "20261129-100000-abcdef"
    assert ("k1", "Carl Ix") not in sheet(strangers)
    assert agrees(strangers)


def test_a_stranger_is_asked_about_without_a_person(page: Page) -> None:
    [one] = page.get("/api/suggestions")
    assert (one["cluster_id"], one["person"], one["probability"]) == (
        cluster_id(STRANGER),
        None,
        None,
    )
    assert len(one["faces"]) == one["size"] == 6
    [cluster] = page.get("/api/clusters")
    assert cluster["suggestion"] is None


def test_a_skipped_question_is_passed_over(page: Page) -> None:
    [one] = page.get("/api/suggestions")
    [other, *_] = page.get(f"/api/suggestions?skip={one['id']}")
    assert other["cluster_id"] != one["cluster_id"]


def test_faces_that_are_no_whole_cluster_are_sent_by_their_ids(page: Page) -> None:
    page.say({"what": "not", "ids": face_id(0), "person": "Ada Quist"})
    page.say({"what": "not", "ids": face_id(3), "person": "Ada Quist"})
    page.say({"what": "dismiss", "ids": cluster_id(STRANGER)})
    page.say({"what": "dismiss", "ids": cluster_id(OTHER)})
    page.say({"what": "dismiss", "ids": cluster_id(RARE)})
    page.say({"what": "dismiss", "ids": cluster_id(BERTA)})
    [one] = page.get("/api/suggestions")
    assert one["cluster_id"] is None
    assert one["ids"] == [one["faces"][0]["face_id"]]


def test_answers_of_another_page_count_here(store: Store) -> None:
    with page_of(store) as one, page_of(store) as other:
        one.say(NAMED)
        other.session.look()
        assert agrees(other)
        assert other.get("/api/suggestions")[0]["cluster_id"] == cluster_id(OTHER)
        one.ask("/api/undo", {"steps": 1})
        other.session.look()
        assert other.get("/api/suggestions")[0]["cluster_id"] == cluster_id(STRANGER)


def test_a_page_that_is_opened_later_has_the_same_questions(store: Store) -> None:
    with page_of(store) as page:
        page.say(NAMED)
        page.say({"what": "not", "ids": cluster_id(BERTA), "person": "Berta Ohm"})
        found = page.get("/api/suggestions"), sheet(page)
    with page_of(store) as page:
        assert (page.get("/api/suggestions"), sheet(page)) == found
        assert agrees(page)


def test_people_who_became_one_are_asked_about_as_one(page: Page) -> None:
    page.say({"what": "rename", "ids": "Berta Ohm", "person": "Ada Quist"})
    page.say({"what": "not", "ids": cluster_id(BERTA), "person": "Ada Quist"})
    assert cluster_id(BERTA) not in [cluster for cluster, _ in sheet(page)]
    assert person_id("Berta Ohm") not in [
        one["person"]["person_id"] for one in page.get("/api/suggestions?sheet=1")
    ]


def test_clusters_come_by_size_until_the_order_is_there(store: Store) -> None:
    with page_of(store) as page:
        page.session.questions._asked = None
        page.session.questions._building.acquire()
        assert page.get("/api/state")["loading"]
        found = page.get("/api/suggestions")
        assert [one["size"] for one in found] == [6, 4, 2, 2, 1]
        assert all(one["person"] is None for one in found)
        assert page.get("/api/clusters")[0]["look_alike"] is None
        assert page.get("/api/suggestions?sheet=1") == []
        page.session.questions._building.release()


def test_a_look_before_all_is_loaded_makes_no_order(store: Store) -> None:
    with page_of(store) as page:
        session = page.session
        session.questions = Questions(session.index)
        session.index.results.embedded.clear()
        session.look()
        assert page.get("/api/state")["loading"]
        session.index.results.embedded.set()
        session.look()
        assert not page.get("/api/state")["loading"]
        assert agrees(page)


def test_an_answer_in_the_results_that_is_taken_back_makes_the_order_anew(store: Store) -> None:
    with page_of(store) as page:
        said = page.say(NAMED)
        results = page.session.index.results
        answers = page.session.index.answers.all()
        ids = frozenset(said["answers"])
        results.settled = settle(answers, ids, results.members)
        page.session.index.refresh()
        page.session.questions.build()
        assert asked_of(page).base == ids
        page.ask("/api/undo", {"ids": said["answers"]})
        page.session.questions.build()
        assert asked_of(page).base == frozenset()
