from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.stored.references import ReferenceReport
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from tests.workers.report.views import unmet
from workers.faces.evidence import no_weaknesses
from workers.people.gallery import NOBODY_ENROLLED, Gallery
from workers.report import pictures, publish
from workers.report.annotate import preview
from workers.report.missing import choose_nearest
from workers.report.pictures import PhotoPictures, PictureSources
from workers.report.publish import clear_annotated
from workers.report.run_result import RunResult
from workers.report.view import ShownMissing, ShownPhoto, ShownReference


def sources(people: str | None) -> PictureSources:
    """Where the pictures of a job with this people folder come from."""
    return cast("PictureSources", SimpleNamespace(spec=SimpleNamespace(people=people)))


def test_the_nearest_face_of_a_missing_person_is_shown_beside_the_first_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        unmet("Ada", "near_miss", photo="a.jpg", face_id="a/0"),
        unmet("Ada", "absent", photo="b.jpg", face_id="b/0"),
        unmet("Bob", "absent", photo="gone.jpg", face_id="g/0"),
    ]
    view = ShownMissing(pa.Table.from_pylist(rows, results.EXPECTED), {"absent": 3})
    opened = list[int]()

    def reference(_: object, _result: object, number: int) -> Iterator[ShownReference]:
        opened.append(number)
        report = ReferenceReport(person="Ada", photo="ada.jpg", state="enrolled")
        yield ShownReference(report, crop=b"reference")
        pytest.fail("a second reference was opened")

    monkeypatch.setattr(publish, "_references", reference)
    result = SimpleNamespace(gallery=SimpleNamespace(person_ids=("bob", "ada")))
    pictures = {
        key: PhotoPictures(ShownPhoto(key, 1, 1, ()), {f"{key[0]}/0": crop})
        for key, crop in (("a.jpg", b"one"), ("b.jpg", b"two"))
    }
    shown = publish.shown_missing(
        sources(None), cast("RunResult", result), view, choose_nearest(view.rows), pictures
    )
    assert shown.crops == {("a.jpg", "a/0"): b"one", ("b.jpg", "b/0"): b"two"}
    assert shown.references == {"Ada": b"reference"}
    assert opened == [1]
    assert shown.rows is view.rows


def test_what_an_earlier_run_drew_goes_and_pictures_of_the_users_own_stay() -> None:
    out, image = MemoryStore(), np.zeros((40, 40, 3), np.uint8)
    for key in ("annotated/now.jpg", "annotated/2024/before.jpg"):
        out.put(key, preview(image, mark=results.ANNOTATED_MARK))
    out.put("annotated/mine.jpg", preview(image))
    clear_annotated(out, {"annotated/now.jpg"})
    assert [info.key for info in out.list()] == ["annotated/mine.jpg", "annotated/now.jpg"]


def test_a_place_that_may_be_written_to_and_not_listed_ends_no_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FatalError("may not be listed")

    out = MemoryStore()
    monkeypatch.setattr(MemoryStore, "list", refuse)
    clear_annotated(out, set())
    assert "may not be listed" in caplog.text


def test_of_ten_thousand_references_that_failed_only_those_shown_are_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports = tuple(
        ReferenceReport(person=f"p{n:05}", photo=f"p{n:05}/1.jpg", state="no_face")
        for n in range(10_000)
    )
    opened = list[str]()
    monkeypatch.setattr(pictures, "_open_reference", lambda _, _source, key: opened.append(key))
    result = SimpleNamespace(people=results.PEOPLE.empty_table(), gallery=NOBODY_ENROLLED)
    people, refused = publish.shown_people(
        sources("file:///people/"), cast("RunResult", result), reports
    )
    assert len(people) == len(opened) == publish.PEOPLE_SHOWN
    assert refused == 10_000


def test_people_are_shown_with_their_own_references_those_first_who_were_found_most_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        {
            "person_id": f"p{n}",
            "person": name,
            "reference_count": 1,
            "photos": faces,
            "faces": faces,
        }
        for n, (name, faces) in enumerate((("Eve", 1), ("Bob", 7), ("Ada", 1), ("Zoe", 0)))
    ]
    monkeypatch.setattr(publish, "PEOPLE_SHOWN", 3)
    monkeypatch.setattr(publish, "_references", lambda _, _result, number, _noted: (number,))
    result = SimpleNamespace(people=pa.Table.from_pylist(rows, results.PEOPLE))
    people, _ = publish.shown_people(sources(None), cast("RunResult", result), ())
    assert [(p.person, p.shown) for p in people] == [("Bob", (1,)), ("Ada", (2,)), ("Eve", (0,))]


@pytest.mark.parametrize(("folder", "said"), [("file:///people/", "taken"), ("file:///q/", None)])
def test_a_reference_of_the_jobs_folder_has_its_note(
    monkeypatch: pytest.MonkeyPatch, folder: str, said: str | None
) -> None:
    monkeypatch.setattr(publish, "picture_reference", lambda _, _source, report: report)
    gallery = Gallery(
        person_ids=("p1",),
        names=("Ada",),
        starts=np.zeros(1, np.intp),
        embeddings=np.ones((1, 1), np.float32),
        weaknesses=no_weaknesses(1),
        sources=(folder,),
        photos=("Ada/1.jpg",),
        boxes=np.ones((1, 4), np.float32),
    )
    people = [{"person_id": "p1", "person": "Ada", "reference_count": 1, "photos": 0, "faces": 0}]
    table = pa.Table.from_pylist(people, results.PEOPLE)
    report = ReferenceReport(person="Ada", photo="Ada/1.jpg", state="enrolled", reason="taken")
    [shown], _ = publish.shown_people(
        sources("file:///people/"),
        cast("RunResult", SimpleNamespace(people=table, gallery=gallery)),
        (report,),
    )
    assert [cast("ReferenceReport", one).reason for one in shown.shown] == [said]
