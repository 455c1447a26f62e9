"""Why a face has its name, asked of the page."""

from headcount.contract.vocabulary import person_id
from tests.review_page import HOSTILE, Page, cluster_id, face_id
from tests.workers.web.conftest import OTHER, STRANGER


def test_a_face_is_explained_with_pictures_of_the_references(page: Page) -> None:
    found = page.get(f"/api/explain?what={face_id(0)}&as=face&photo=2026/0.jpg")
    assert found["kind"] == "face"
    assert found["face"]["face_id"] == face_id(0)
    assert found["decision"]["because"]
    assert [one for one in found["rules"] if one["settled"]]
    image = found["nearest"][0]["references"][0]["image"]
    assert page.ask(image).headers["content-type"] == "image/jpeg"
    assert page.ask(found["face"]["image"]).headers["content-type"] == "image/jpeg"


def test_people_and_photos_are_explained_too(page: Page) -> None:
    assert page.get(f"/api/explain?what={person_id('Ada Quist')}")["kind"] == "person"
    assert page.get("/api/explain?what=2026/0.jpg")["kind"] == "photo"
    assert page.get(f"/api/explain?what={cluster_id(STRANGER)}")["kind"] == "choice"


def test_what_means_nothing_is_said(page: Page) -> None:
    assert page.ask("/api/explain?what=nobody+at+all").status == 400
    assert page.ask("/api/explain").status == 404
    assert page.ask(f"/api/explain?what={face_id(0)}&as=cluster").status == 400


def test_the_page_of_an_explanation_holds_nothing_of_its_address(page: Page) -> None:
    assert OTHER
    for what in (face_id(0), "2026/0.jpg", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"):
        answer = page.ask(f"/explain/{what}")
        assert answer.status == 200
        assert b'data-view="explain"' in answer.body
        assert b"alert(1)" not in answer.body
    assert HOSTILE
