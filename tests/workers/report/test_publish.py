from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.layout import PREPARE, JobKeys
from headcount.contract.stored.jobs import DoneMarker, ReferenceReport
from headcount.errors import FatalError
from headcount.storage.keys import is_portable
from headcount.storage.memory import MemoryStore
from workers.people.gallery import NOBODY_ENROLLED
from workers.report import publish
from workers.report.annotate import preview
from workers.report.publish import annotated_key, clear_annotated, failures_by_cause
from workers.report.run_result import RunResult
from workers.runtime.unit import Unit


def row(photo: str, outcome: str, reason: str | None) -> dict[str, str | None]:
    return {"photo": photo, "outcome": outcome, "reason": reason}


def test_failures_are_counted_by_cause_the_most_frequent_first() -> None:
    rows = [row(f"{n}.jpg", "unreadable", "truncated file") for n in range(9)]
    rows += [row("big.tif", "too_large", "x"), row("gone.jpg", "missing", None)]
    causes = failures_by_cause(rows)
    assert [(c.outcome, c.reason, c.photos) for c in causes] == [
        ("unreadable", "truncated file", 9),
        ("missing", "", 1),
        ("too_large", "x", 1),
    ]
    assert causes[0].examples == ("0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg")


def test_annotated_photos_keep_the_folders_of_their_originals() -> None:
    assert annotated_key("2024/gala/a.png") == "annotated/2024/gala/a.png.jpg"


@pytest.mark.parametrize(
    "photo",
    [
        "s3://bucket/2024/gala.jpg",
        "../beside/the manifest.jpg",
        "/absolute.jpg",
        "a//b.jpg",
        "x" * 251 + ".jpg",
        "\U0001f600" * 60 + ".jpg",
        "deep/" * 300 + "x.jpg",
        "..",
    ],
)
def test_a_key_that_can_name_no_file_becomes_one_that_can(photo: str) -> None:
    key = annotated_key(photo)
    assert key.startswith("annotated/")
    assert is_portable(key)
    assert max(len(part.encode()) for part in key.split("/")) < 240
    assert len(key.encode()) < 1000
    assert annotated_key(photo + "x") != key


def test_keys_that_look_alike_do_not_share_an_annotated_copy() -> None:
    assert len({annotated_key(key) for key in ("a//b", "/a/b", "a/b", "../a/b", "a:/b")}) == 5


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
    store, keys, opened = MemoryStore(), JobKeys("job"), list[str]()
    marker = DoneMarker(unit=PREPARE, attempt=1, worker="w", seconds=1, references=reports)
    store.put(keys.done(PREPARE), marker.to_bytes())
    unit = SimpleNamespace(store=store, keys=keys, spec=SimpleNamespace(people="file:///people/"))
    monkeypatch.setattr(publish, "_open_reference", lambda _unit, _source, key: opened.append(key))
    roll = SimpleNamespace(people=results.PEOPLE.empty_table(), gallery=NOBODY_ENROLLED)
    people, refused = publish._people(cast("Unit", unit), cast("RunResult", roll))
    assert len(people) == len(opened) == publish.PEOPLE_SHOWN
    assert refused == 10_000


def test_people_are_shown_with_their_own_references_those_first_who_were_found_most_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        {"person_id": f"p{n}", "person": name, "references": 1, "photos": faces, "faces": faces}
        for n, (name, faces) in enumerate((("Eve", 1), ("Bob", 7), ("Ada", 1), ("Zoe", 0)))
    ]
    monkeypatch.setattr(publish, "PEOPLE_SHOWN", 3)
    monkeypatch.setattr(publish, "_references", lambda _unit, _roll, number: (number,))
    unit = SimpleNamespace(spec=SimpleNamespace(people=None))
    roll = SimpleNamespace(people=pa.Table.from_pylist(rows, results.PEOPLE))
    people, _ = publish._people(cast("Unit", unit), cast("RunResult", roll))
    assert [(p.person, p.shown) for p in people] == [("Bob", (1,)), ("Ada", (2,)), ("Eve", (0,))]
