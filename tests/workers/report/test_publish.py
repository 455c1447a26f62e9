"""What a report shows beside its photos: the missing, what is worth a look; and leftovers."""

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.vocabulary import Box, Decision
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from tests.workers.report.galleries import gallery, pictured
from tests.workers.report.views import unmet
from workers.report import publish
from workers.report.annotate import preview
from workers.report.missing import choose_nearest
from workers.report.pictures import PhotoPictures
from workers.report.publish import clear_leftovers
from workers.report.view import ShownFace, ShownMissing, ShownPhoto
from workers.report.worth_a_look import Kind, Look


def pictures(*keys: str) -> dict[str, PhotoPictures]:
    """Photos with a face each, whose crop is the key."""
    return {
        key: PhotoPictures(
            ShownPhoto(
                key, 1, 1, (ShownFace(f"{key[0]}/0", Box(0, 0, 1, 1), Decision.UNKNOWN, 0.5),)
            ),
            {f"{key[0]}/0": key.encode()},
        )
        for key in keys
    }


def test_the_nearest_face_of_a_missing_person_is_shown_beside_the_first_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        unmet("Ada", "near_miss", photo="a.jpg", face_id="a/0"),
        unmet("Ada", "absent", photo="b.jpg", face_id="b/0"),
        unmet("Bob", "absent", photo="gone.jpg", face_id="g/0"),
    ]
    view = ShownMissing(pa.Table.from_pylist(rows, results.EXPECTED), {"absent": 3})
    references, opened = pictured(monkeypatch, gallery(bob=2, ada=2))
    shown = publish.shown_missing(
        references, view, choose_nearest(view.rows), pictures("a.jpg", "b.jpg")
    )
    assert shown.crops == {("a.jpg", "a/0"): b"a.jpg", ("b.jpg", "b/0"): b"b.jpg"}
    assert shown.references == {"Ada": b"crop of ada/0.jpg"}
    assert opened == ["ada/0.jpg"]
    assert shown.rows is view.rows


def test_a_face_worth_a_look_is_beside_the_reference_it_was_compared_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    references, opened = pictured(monkeypatch, gallery(ada=3, bob=1))
    looks = [
        Look(Kind.NEAR_MISS, "a.jpg", "a/0", "Ada", "ada", reference="file:///people/ada/2.jpg"),
        Look(Kind.INFERRED, "b.jpg", "b/0", "Ada", "ada"),
        Look(Kind.NEAREST, "c.jpg", "c/0", "Eve", "eve"),
        Look(Kind.NEAREST, "gone.jpg", "g/0", "Bob", "bob"),
    ]
    shown = publish.shown_looks(references, looks, pictures("a.jpg", "b.jpg", "c.jpg"))
    assert [(one.look.photo, one.face.crop, one.reference_photo) for one in shown] == [
        ("a.jpg", b"a.jpg", "ada/2.jpg"),
        ("b.jpg", b"b.jpg", "ada/0.jpg"),
        ("c.jpg", b"c.jpg", None),
    ]
    assert set(opened) == {"ada/2.jpg", "ada/0.jpg", "bob/0.jpg"}


def test_what_an_earlier_run_drew_goes_and_pictures_of_the_users_own_stay() -> None:
    out, image = MemoryStore(), np.zeros((40, 40, 3), np.uint8)
    for key in ("annotated/now.jpg", "annotated/2024/before.jpg"):
        out.put(key, preview(image, mark=results.ANNOTATED_MARK))
    out.put("annotated/mine.jpg", preview(image))
    for page in ("index", "photos-2", "photos-3", "photos-mine", "notes"):
        out.put(f"report/{page}.html", b"page")
    clear_leftovers(out, {"annotated/now.jpg", "report/index.html", "report/photos-2.html"})
    assert [info.key for info in out.list()] == [
        "annotated/mine.jpg",
        "annotated/now.jpg",
        "report/index.html",
        "report/notes.html",
        "report/photos-2.html",
        "report/photos-mine.html",
    ]


def test_a_place_that_may_be_written_to_and_not_listed_ends_no_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FatalError("may not be listed")

    out = MemoryStore()
    monkeypatch.setattr(MemoryStore, "list", refuse)
    clear_leftovers(out, set())
    assert "may not be listed" in caplog.text
