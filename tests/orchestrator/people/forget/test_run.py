"""Forgetting in archives that are made by hand: what is found, and what stands in the way."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.answers.kept import read_answers, read_objects, replace_object
from headcount.contract import results
from headcount.contract.forgotten import ForgettingRecord
from headcount.contract.layout import FORGETTING, PackKeys
from headcount.contract.record import now
from headcount.contract.vocabulary import Outcome, person_id
from headcount.errors import FatalError, TransientError
from headcount.export import scratch, write_table
from headcount.storage import ObjectInfo, Store, canonical_uri, open_store
from headcount.tables.table import Table
from orchestrator.jobs.compare import Known
from orchestrator.people.forget.run import forget, remember
from orchestrator.people.latest_assignments import named_by_hand, people_of
from tests.orchestrator.people.forget.by_hand import S3, archive, ended, face, left, name


def test_who_was_named_since_the_last_run_is_forgotten_with_the_named_faces(
    tmp_path: Path,
) -> None:
    store = archive(tmp_path, p1=[face("f1"), face("f2", 90.0)])
    name(store, "Alice", "f1")
    assert people_of(store, S3) == {person_id("Alice"): "Alice"}
    forget(store, "Alice", S3)
    assert left(store, "p1") == ["f2"]
    assert list(read_answers(store)) == []


def test_what_killed_processes_left_half_written_in_the_archive_goes_too(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1")])
    name(store, "Alice", "f1")
    half_written = tmp_path / "decisions" / ".headcount-0123456789abcdef.tmp"
    half_written.write_text("Alice")
    forget(store, "Alice", S3)
    assert not half_written.exists()


def test_a_face_that_was_given_another_name_since_is_kept(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1"), face("f2", 90.0)])
    name(store, "Alice", "f1")
    name(store, "Alice", "f2")
    name(store, "Ben", "f1")
    name(store, "Alice", "f2", what="not")
    forget(store, "Alice", S3)
    assert left(store, "p1") == ["f1", "f2"], "f2 is not Alice after all"
    [decision] = read_answers(store)
    assert decision.person == "Ben"


def test_a_face_whose_name_another_one_of_its_photo_was_given_since_is_kept(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1"), face("f2", 90.0)])
    name(store, "Alice", "f1")
    name(store, "Alice", "f2")
    assert list(named_by_hand(store, person_id("Alice"))) == ["f1", "f2"]
    for key, answers in list(read_objects(store)):  # as an earlier build recorded them
        replace_object(store, key, [a.model_copy(update={"recorded": None}) for a in answers])
    assert list(named_by_hand(store, person_id("Alice"))) == ["f2"]


def test_the_same_face_goes_from_a_pack_beside_where_nobody_was_enrolled(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1")], p2=[face("g1", 11.0), face("g2", 90.0)])
    name(store, "Alice", "f1")
    forget(store, "Alice", S3)
    assert left(store, "p1") == []
    assert left(store, "p2") == ["g2"]


def test_the_receipt_has_what_was_removed_before_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    store = archive(tmp_path, p1=[face("f1")])
    name(store, "Alice", "f1")
    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.people.forget.archive.forget_jobs", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(store, "Alice", S3)
    assert forget(store, "Alice", S3).removed == {"decisions": 1, "faces": 1}


def test_results_that_are_out_of_reach_are_named_and_the_rest_is_ended(tmp_path: Path) -> None:
    store = archive(tmp_path / "archive", p1=[face("f1")])
    gone = canonical_uri(str(tmp_path / "gone"))
    for job_id, out in (("20260101-000000-aaaaaa", gone), ("20260102-000000-aaaaaa", "n/")):
        ended(store, job_id, store.uri + out if out == "n/" else out)
    name(store, "Alice", "f1")
    receipt = forget(store, "Alice", S3)
    assert receipt.state == "done"
    [place] = receipt.unreached
    assert place.uri == gone
    assert "there is no folder" in place.reason


def test_results_in_the_archive_that_could_not_be_rewritten_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FatalError("disk full")

    store = archive(tmp_path, p1=[face("f1")])
    out = tables(tmp_path / "results", "a.jpg")
    ended(store, "20260101-000000-aaaaaa", out.uri)
    name(store, "Alice", "f1")
    monkeypatch.setattr("orchestrator.people.forget.results.write_table", refuse)
    receipt = forget(store, "Alice", S3)
    assert [(place.uri, place.reason) for place in receipt.unreached] == [(out.uri, "disk full")]


def test_a_damaged_table_of_results_is_named_and_the_rest_is_ended(tmp_path: Path) -> None:
    store = archive(tmp_path / "archive", p1=[face("f1")])
    out = tables(tmp_path / "out", "a.jpg")
    out.put("faces.parquet", b"no table")
    ended(store, "20260101-000000-aaaaaa", out.uri)
    name(store, "Alice", "f1")
    receipt = forget(store, "Alice", S3)
    assert (receipt.state, left(store, "p1")) == ("done", [])
    assert ["faces.parquet is damaged" in place.reason for place in receipt.unreached] == [True]


@pytest.mark.parametrize("lost", [None, "gone", "damaged"])
def test_pictures_go_in_which_an_earlier_job_expected_the_person(
    tmp_path: Path, lost: str | None
) -> None:
    store = archive(tmp_path / "archive", p1=[face("f1")])
    out = tables(tmp_path / "out", "a.jpg", "b.jpg", "c.jpg")
    for photo in ("b.jpg", "c.jpg"):
        out.put(results.annotated_key(photo), results.ANNOTATED_MARK)
    expected = tmp_path / "expected.csv"
    expected.write_text("photo,person\nb.jpg,Alice\nc.jpg,Ben\n")
    ended(store, "20260101-000000-aaaaaa", out.uri, expected=expected.as_uri())
    ended(store, "20260102-000000-aaaaaa", out.uri)  # which may have been stopped at once
    name(store, "Alice", "f1")
    if lost == "gone":
        expected.unlink()
    elif lost == "damaged":
        expected.write_text(f"photo,person\n{'b' * 200_000},Ben\n")
    forget(store, "Alice", S3)
    kept = [] if lost else [results.annotated_key("c.jpg")]
    assert [info.key for info in out.list(results.ANNOTATED)] == kept


def tables(folder: Path, *photos: str) -> Store:
    """Results in which face ``f1`` of the first of these photos is Alice."""
    out = open_store(canonical_uri(str(folder)), S3)
    alice = {"person_id": person_id("Alice"), "person": "Alice"}
    found = {"face_id": "f1", "photo": photos[0], "decision": "matched"} | alice
    rows = [{"photo": photo, "outcome": "no_face", "faces": 0} for photo in photos]
    made = {
        "faces": pa.Table.from_pylist([found], schema=results.FACES),
        "photos": pa.Table.from_pylist(rows, schema=results.PHOTOS),
    }
    with scratch() as place:
        for what, table in made.items():
            write_table(out, what, table.schema, [table], formats=["parquet"], folder=place)
    return out


def test_nothing_is_said_of_faces_while_a_person_is_being_forgotten_nor_of_who_was(
    tmp_path: Path,
) -> None:
    store = archive(tmp_path, p1=[face("f1")])
    mark = ForgettingRecord(person_id=person_id("Alice"), at=now())
    store.put(FORGETTING, mark.to_bytes())
    with pytest.raises(TransientError, match="being forgotten"):
        name(store, "Alice", "f1")
    store.delete(FORGETTING)
    name(store, "Alice", "f1")
    forget(store, "Alice", S3)
    with pytest.raises(FatalError, match="was forgotten"):
        name(store, "Alice", "f1", what="not")
    assert list(read_answers(store)) == []


def test_a_person_who_may_be_found_again_has_the_photos_searched_again(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1")], p2=[])
    name(store, "Alice", "f1")
    forget(store, "Alice", S3)
    remember(store, "Alice", S3)
    for pack in ("p1", "p2"):
        [row] = Table(store.uri, PackKeys(pack).photos, S3).read(["photo", "profile"]).to_pylist()
        known = Known(ObjectInfo("a.jpg", "e", 1), Outcome.NO_FACE, row["profile"])
        assert not known.settles(ObjectInfo("a.jpg", "e", 1), "fast")
