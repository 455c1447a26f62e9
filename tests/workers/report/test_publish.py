from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.stored.jobs import ReferenceReport
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from workers.people.gallery import NOBODY_ENROLLED
from workers.report import pictures, publish
from workers.report.annotate import preview
from workers.report.pictures import PictureSources
from workers.report.publish import clear_annotated
from workers.report.run_result import RunResult


def sources(people: str | None) -> PictureSources:
    """Where the pictures of a job with this people folder come from."""
    return cast("PictureSources", SimpleNamespace(spec=SimpleNamespace(people=people)))


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
    monkeypatch.setattr(publish, "_references", lambda _, _result, number: (number,))
    result = SimpleNamespace(people=pa.Table.from_pylist(rows, results.PEOPLE))
    people, _ = publish.shown_people(sources(None), cast("RunResult", result), ())
    assert [(p.person, p.shown) for p in people] == [("Bob", (1,)), ("Ada", (2,)), ("Eve", (0,))]
