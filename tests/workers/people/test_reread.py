import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headcount.collections.photos import Reference
from headcount.contract import reading
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError, TransientError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.schemas import gallery_schema
from headcount.tables.table import Table
from workers.people.enrolment import embed_all, reference_rows
from workers.people.reference_gate import ReferenceGate
from workers.people.reference_photo import Enrolled
from workers.people.reread import Enrol, Reread, reread_references

GATE = ReferenceGate(0.45, 0.05, 0.047)


def looked_at(reference: Reference, source: Store) -> Enrolled:
    """A face by the first byte of the photo and by the reading; the second reads no "?"."""
    blob = source.get(reference.photo.key)
    if blob.data.startswith(b"?") and reading.READING > 1:
        report = ReferenceReport(
            person=reference.person,
            photo=reference.photo.key,
            state="no_face",
            reason="no face found",
        )
        return Enrolled(reference, report)
    report = ReferenceReport(
        person=reference.person, photo=reference.photo.key, state="enrolled", box=(0, 0, 9, 9)
    )
    embedding = np.eye(256, dtype=np.float32)[blob.data[0] + reading.READING]
    content = hashlib.sha256(blob.data).hexdigest()
    return Enrolled(reference, report, 0.9, embedding, blob.etag, content)


class Archive:
    """A gallery of references from one folder, made by the first reading."""

    def __init__(self, folder: Path, **photos: bytes) -> None:
        self.people = open_store((folder / "people").as_uri() + "/", S3Settings())
        self.gallery = Table((folder / "archive").as_uri() + "/", "gallery.lance", S3Settings())
        self.gallery.create(gallery_schema(256))
        (folder / "people").mkdir()
        for name, data in photos.items():
            self.people.put(f"{name}.jpg", data)
        told = [Reference(info.key[:-4], info) for info in self.people.list()]
        enrolled = embed_all(told, lambda r: looked_at(r, self.people), 1, lambda: None)
        self.gallery.append(reference_rows(enrolled, self.people.uri))
        self.opened: list[str] = []
        self.confirm: Callable[[], None] = lambda: None

    def open(self, uri: str) -> Store:
        self.opened.append(uri)
        return self.people

    def reread(self, **forgotten: bool) -> Reread:
        return self.reread_by(looked_at, GATE, **forgotten)

    def reread_by(self, enrol: Enrol, gate: ReferenceGate, **forgotten: bool) -> Reread:
        return reread_references(
            self.gallery,
            self.open,
            enrol,
            forgotten={person_id(name) for name in forgotten},
            gate=gate,
            threads=1,
            confirm=self.confirm,
            progress=lambda: None,
        )

    @property
    def rows(self) -> dict[str, tuple[int, int]]:
        """The reading of each person's reference, and the number that its embedding is."""
        rows = self.gallery.read(["person", "reading", "descriptor"]).to_pylist()
        assert len({row["person"] for row in rows}) == len(rows)
        return {r["person"]: (r["reading"], int(np.argmax(r["descriptor"]))) for r in rows}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    made = Archive(tmp_path, ada=b"a", bob=b"b", eve=b"?")
    monkeypatch.setattr(reading, "READING", 2)
    return made


def test_references_are_read_anew_once_and_none_is_lost(archive: Archive) -> None:
    assert archive.rows == {"ada": (1, 98), "bob": (1, 99), "eve": (1, 64)}
    told = archive.reread()
    assert told.counts == {"reread_references": 2, "older_references": 1}
    assert archive.rows == {"ada": (2, 99), "bob": (2, 100), "eve": (1, 64)}
    [why] = told.left.values()
    assert "reading 2 cannot use it (no face found)" in why
    assert archive.reread().counts == {"older_references": 1}


def test_the_first_reading_reads_none_anew(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READING", 1)
    assert archive.reread().counts == {}
    assert archive.opened == []


def test_rows_from_before_readings_were_kept_are_of_the_first(archive: Archive) -> None:
    archive.gallery.update({"reading": "NULL"}, "person = 'ada'")
    assert archive.reread().read == 2
    assert archive.rows["ada"] == (2, 99)


def test_photos_that_were_changed_or_cannot_be_fetched_leave_their_references(
    archive: Archive,
) -> None:
    archive.people.put("ada.jpg", b"x")
    archive.people.delete("bob.jpg")
    told = archive.reread()
    assert told.counts == {"older_references": 3}
    assert archive.rows == {"ada": (1, 98), "bob": (1, 99), "eve": (1, 64)}
    assert any("changed since" in why for why in told.left.values())


@pytest.mark.parametrize("error", [FatalError("outside"), TransientError("no answer")])
def test_a_source_that_cannot_be_reached_leaves_its_references(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_: str) -> Store:
        raise error

    monkeypatch.setattr(archive, "open", refuse)
    assert archive.reread().counts == {"older_references": 3}
    assert archive.rows["ada"] == (1, 98)


def test_named_faces_and_forgotten_people_are_left_alone(archive: Archive) -> None:
    archive.gallery.update({"content": "''", "etag": f"'f{'0' * 23}'"}, "person = 'ada'")
    assert archive.reread(bob=True, eve=True).counts == {}
    assert archive.opened == []


def test_an_interruption_between_the_writes_loses_no_reference(archive: Archive) -> None:
    asked: list[None] = []

    def stop() -> None:
        asked.append(None)
        if len(asked) == 2:
            raise KeyboardInterrupt

    archive.confirm = stop
    with pytest.raises(KeyboardInterrupt):
        archive.reread()
    assert archive.gallery.count() == 5
    archive.confirm = lambda: None
    archive.reread()
    assert archive.gallery.count("reading < 2") == 1


def test_the_report_on_a_folder_says_which_references_stay_as_they_were(archive: Archive) -> None:
    told = archive.reread()
    reports = [ReferenceReport(person=p, photo=f"{p}.jpg", state="known") for p in ("ada", "eve")]
    ada, eve = told.told(reports, archive.people.uri)
    assert ada == reports[0]
    assert eve.good
    assert "stays as an earlier reading read it" in str(eve.reason)


@pytest.mark.parametrize("keep_poor", [False, True])
def test_a_reference_that_the_gate_refuses_keeps_its_row_and_is_told_of(
    archive: Archive, keep_poor: bool
) -> None:
    def blurred(reference: Reference, source: Store) -> Enrolled:
        one = looked_at(reference, source)
        return replace(one, quality=0.5, parts={"sharpness": 0.08})

    gate = replace(GATE, keep_poor=keep_poor)
    told = archive.reread_by(blurred, gate)
    if keep_poor:
        assert archive.rows == {"ada": (2, 99), "bob": (2, 100), "eve": (1, 64)}
        return
    assert told.counts == {"older_references": 3}
    assert archive.rows == {"ada": (1, 98), "bob": (1, 99), "eve": (1, 64)}
    assert any("too blurred" in why for why in told.left.values())
