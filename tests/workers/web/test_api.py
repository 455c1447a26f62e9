"""What the page asks for, and what answers do to it at once."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headcount.contract.vocabulary import person_id
from headcount.storage import Store
from tests.review_page import (
    HOSTILE,
    Page,
    Seen,
    cluster_id,
    face_id,
    make_archive,
    page_of,
    recorded,
)
from tests.workers.web.conftest import BERTA, OTHER, RARE, STRANGER

ADA = person_id("Ada Quist")


def clusters(page: Page) -> dict[str, int]:
    return {one["cluster_id"]: one["size"] for one in page.get("/api/clusters?limit=50")}


def named(page: Page, person: str) -> int:
    found = page.get(f"/api/people?q={person.split(maxsplit=1)[0]}")
    return next((one["faces"] for one in found if one["person"] == person), 0)


def test_the_numbers_of_the_page(page: Page) -> None:
    state = page.get("/api/state")
    assert state["people"] == 2
    assert state["named_faces"] == 3
    assert state["unnamed_faces"] == 15
    assert state["unnamed_clusters"] == 5
    assert state["missing"] == 1


def test_clusters_come_largest_first_with_their_faces(page: Page) -> None:
    [first] = page.get("/api/clusters")
    assert first["cluster_id"] == cluster_id(STRANGER)
    assert first["size"] == 6
    assert {face["photo"] for face in first["faces"]} == {f"2026/{n}.jpg" for n in range(6)}
    assert first["faces"][0]["box"] == [130, 80, 40, 40]
    assert (first["faces"][0]["width"], first["faces"][0]["height"]) == (300, 200)
    [second] = page.get(f"/api/clusters?skip={first['cluster_id']}")
    assert second["cluster_id"] == cluster_id(OTHER)


def test_a_crop_shows_the_face_and_no_other(page: Page) -> None:
    for row, colour in ((0, 0), (1, 1), (2, 2)):
        answer = page.ask(f"/image/face/{row}?size=160")
        assert answer.headers["content-type"] == "image/jpeg"
        image = np.array(Image.open(io.BytesIO(answer.body)))
        assert image.shape == (160, 160, 3)
        assert image[80, 80].argmax() == colour
        again = page.ask(
            f"/image/face/{row}?size=160",
            headers={
                "Authorization": f"Bearer {page.access.token}",
                "If-None-Match": answer.headers["etag"],
            },
        )
        assert (again.status, again.body) == (304, b"")


def test_a_photo_is_shown_whole_by_a_face_or_by_its_key(page: Page) -> None:
    for path in ("/image/photo/0?width=640", "/image/photo?key=2026/0.jpg"):
        image = Image.open(io.BytesIO(page.ask(path).body))
        assert image.size == (300, 200)


def test_a_photo_out_of_reach_has_a_picture_in_its_place(page: Page, tmp_path: Path) -> None:
    (tmp_path / "photos/2026/3.jpg").unlink()
    answer = page.ask("/image/face/9?size=160")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store"


def test_a_name_is_there_at_once_and_says_how_many_faces_it_named(page: Page, store: Store) -> None:
    said = page.say({"what": "name", "ids": cluster_id(STRANGER), "person": "Carl Ix"})
    assert said["faces_named"] == 6
    assert said["state"]["unnamed_clusters"] == 4
    assert cluster_id(STRANGER) not in clusters(page)
    assert named(page, "Carl Ix") == 6
    [answer] = recorded(store)
    assert (answer.what, answer.cluster) == ("name", cluster_id(STRANGER))


def everything(page: Page) -> object:
    state = {k: v for k, v in page.get("/api/state").items() if k not in ("version", "undoable")}
    paths = ("/api/clusters?limit=50", "/api/people", "/api/missing", f"/api/person/{ADA}")
    return state, [page.get(path) for path in paths], page.get("/api/suggestions")


def test_undo_brings_everything_back_step_by_step(page: Page) -> None:
    acts = [
        {"what": "name", "ids": cluster_id(STRANGER), "person": "Carl Ix"},
        {"what": "dismiss", "ids": cluster_id(OTHER)},
        {"what": "not_a_face", "ids": face_id(2)},
        {"what": "not", "ids": face_id(0), "person": "Ada Quist"},
        {"what": "name", "ids": cluster_id(STRANGER), "person": "Dora Ypsilon"},
        {"what": "apart", "ids": f"{face_id(1)} | {face_id(4)}"},
        {"what": "same", "ids": f"{cluster_id(RARE)} {cluster_id(OTHER)}"},
        {"what": "rename", "ids": "Ada Quist", "person": "Ada Quist-Ohm"},
        {"what": "no_reference", "ids": face_id(1)},
        {"what": "accept_absent", "person": "Berta Ohm", "photo": "2026/5.jpg"},
        {"what": "face", "person": "Berta Ohm", "photo": "2026/4.jpg", "box": "5 5 30 30"},
    ]
    before = [everything(page)]
    for act in acts:
        page.say(act)
        before.append(everything(page))
    assert page.get("/api/state")["undoable"] == len(acts)
    for expected in reversed(before[:-1]):
        page.ask("/api/undo", {"steps": 1})
        assert everything(page) == expected
    for act in acts:
        page.say(act)
    page.ask("/api/undo", {"steps": len(acts)})
    assert everything(page) == before[0]


def test_marked_faces_are_left_out_of_a_name_and_become_a_cluster_of_their_own(page: Page) -> None:
    out = f"{face_id(1)} {face_id(4)}"
    page.say({"what": "name", "ids": cluster_id(STRANGER), "person": "Carl Ix", "without": out})
    assert named(page, "Carl Ix") == 4
    left = clusters(page)
    [new] = set(left) - {cluster_id(n) for n in range(8)}
    assert left[new] == 2
    found = page.get(f"/api/cluster/{new}")
    assert {face["face_id"] for face in found["faces"]} == {face_id(1), face_id(4)}
    page.say({"what": "name", "ids": new, "person": "Emil Zett"})
    assert named(page, "Emil Zett") == 2
    assert named(page, "Carl Ix") == 4


def test_a_name_of_a_cluster_leaves_alone_what_was_said_of_its_faces_before(page: Page) -> None:
    page.say({"what": "not_a_face", "ids": face_id(1)})
    page.say({"what": "name", "ids": face_id(4), "person": "Emil Zett"})
    page.say({"what": "name", "ids": cluster_id(STRANGER), "person": "Carl Ix"})
    assert named(page, "Carl Ix") == 4
    assert named(page, "Emil Zett") == 1


def test_merged_clusters_are_named_as_one(page: Page) -> None:
    page.say({"what": "same", "ids": f"{cluster_id(RARE)} {cluster_id(OTHER)}"})
    left = clusters(page)
    assert left[cluster_id(OTHER)] == 6
    assert cluster_id(RARE) not in left
    page.say({"what": "name", "ids": cluster_id(OTHER), "person": "Carl Ix"})
    assert named(page, "Carl Ix") == 6


def test_a_look_alike_name_is_asked_about_and_nothing_is_recorded(page: Page, store: Store) -> None:
    line = {"what": "name", "ids": cluster_id(STRANGER), "person": "Ada Quisd"}
    answer = page.ask("/api/answers", {"lines": [line], "sure": False})
    assert answer.status == 409
    assert answer.json["look_alike"] == [{"name": "Ada Quisd", "like": "Ada Quist"}]
    assert recorded(store) == []
    assert page.say(line)["faces_named"] == 6
    other = {"what": "name", "ids": cluster_id(OTHER), "person": "Quite Another"}
    assert page.ask("/api/answers", {"lines": [other], "sure": False}).status == 200


def test_what_somebody_is_not_is_not_asked_again(page: Page) -> None:
    first = page.get("/api/suggestions?sheet=1")[0]
    ids = first["cluster_id"]
    page.say({"what": "not", "ids": ids, "person": first["person"]["person"]})
    again = page.get("/api/suggestions?sheet=1")
    assert (ids, first["person"]["person"]) not in [
        (one["cluster_id"], one["person"]["person"]) for one in again
    ]


def test_suggestions_show_the_person_that_is_likely(page: Page) -> None:
    found = {one["cluster_id"]: one for one in page.get("/api/suggestions?sheet=1")}
    one = found[cluster_id(BERTA)]
    assert one["person"]["person"] == "Berta Ohm"
    assert one["similarity"] > 0.9
    assert one["references"][0]["image"].startswith("/image/reference/")
    assert page.ask(one["references"][0]["image"]).headers["content-type"] == "image/jpeg"


def test_a_person_has_the_least_similar_face_first(page: Page) -> None:
    found = page.get(f"/api/person/{ADA}")
    cosines = [face["similarity"] for face in found["faces"]]
    assert len(cosines) == found["total"] == 3
    assert cosines == sorted(cosines)


def test_a_rename_moves_all_faces_and_references(page: Page) -> None:
    page.say({"what": "rename", "ids": "Ada Quist", "person": "Ada Novak"})
    found = page.get(f"/api/person/{person_id('Ada Novak')}")
    assert found["person"]["person"] == "Ada Novak"
    assert found["total"] == 3
    assert found["references"]
    assert page.get(f"/api/person/{ADA}")["person"]["person"] == "Ada Novak"


def test_who_is_missing_is_shown_beside_the_nearest_face(page: Page) -> None:
    [row] = page.get("/api/missing")
    assert (row["person"], row["photo"], row["status"]) == ("Berta Ohm", "2026/5.jpg", "absent")
    assert row["nearest"]["face_id"] == face_id(17)
    assert row["nearest"]["similarity"] > 0.9
    page.say({"what": "name", "ids": row["nearest"]["face_id"], "person": "Berta Ohm"})
    assert page.get("/api/missing") == []
    assert page.get("/api/state")["missing"] == 0


@pytest.mark.parametrize(
    "act",
    [
        {"what": "accept_absent", "person": "Berta Ohm", "photo": "2026/5.jpg"},
        {"what": "face", "person": "Berta Ohm", "photo": "2026/5.jpg", "box": "1 1 20 20"},
    ],
)
def test_an_absence_that_is_fine_or_was_drawn_is_missing_no_more(
    page: Page, act: dict[str, str]
) -> None:
    page.say(act)
    assert page.get("/api/missing") == []


def test_hostile_names_and_keys_come_back_as_they_are(tmp_path: Path) -> None:
    key = "<img src=x onerror=alert(1)>\u202e.jpg"
    name = "</script><script>alert('x')</script>\u202e"
    store = make_archive(tmp_path, [Seen(key, 0), Seen(key, 1)])
    with page_of(store) as page:
        page.say({"what": "name", "ids": cluster_id(0), "person": name})
        [one] = page.get("/api/people")
        assert one["person"] == name
        assert one["portrait"]["photo"] == key
        answer = page.ask("/api/people")
        assert answer.headers["content-type"] == "application/json"
        shown = page.ask("/person/%3Cscript%3Ealert(1)%3C%2Fscript%3E").body
        assert b"<script>alert" not in shown
    assert HOSTILE
    assert recorded(store)[0].person == name


def test_who_answers_is_kept_beside_the_answer(store: Store) -> None:
    with page_of(store, by="Rosa") as page:
        page.say({"what": "dismiss", "ids": cluster_id(OTHER)})
    assert [answer.by for answer in recorded(store)] == ["Rosa"]


def test_two_pages_see_each_others_answers_and_the_latest_holds(store: Store) -> None:
    with page_of(store) as one, page_of(store) as other:
        one.say({"what": "name", "ids": cluster_id(STRANGER), "person": "Carl Ix"})
        other.session.index.look()
        assert named(other, "Carl Ix") == 6
        other.say({"what": "name", "ids": cluster_id(STRANGER), "person": "Dora Ypsilon"})
        one.session.index.look()
        assert named(one, "Dora Ypsilon") == 6
        assert named(one, "Carl Ix") == 0
        other.ask("/api/undo", {"steps": 1})
        one.session.index.look()
        assert named(one, "Carl Ix") == 6


def test_a_page_takes_up_the_results_of_a_new_job(page: Page, store: Store) -> None:
    from headcount.collections.photos import collection_id
    from tests.review_page import say
    from tests.workers.web.conftest import faces

    part = page.session.index.results.part
    renewed = [
        Seen(one.photo, one.whose, "Carl Ix" if one.whose == STRANGER else one.person)
        for one in faces()
    ]
    say(store, collection_id(part.uri), renewed, "20261129-100000-abcdef")
    page.session.index.look()
    assert named(page, "Carl Ix") == 6
    assert page.get("/api/state")["unnamed_clusters"] == 4
