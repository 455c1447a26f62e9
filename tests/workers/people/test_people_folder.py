"""The gallery in step with a people folder: what is put there, taken away and renamed."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from headcount import audit
from headcount.collections.photos import Reference
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.storage.memory import MemoryStore
from headcount.tables.schemas import gallery_schema
from headcount.tables.table import Table
from workers.people import enrolment as enrol
from workers.people.reference_gate import ReferenceGate
from workers.people.reference_photo import Enrolled
from workers.runtime.unit import UnitReleased

GATE = ReferenceGate(0.45, 0.05, 0.047)


def looked_at(reference: Reference, source: Store) -> Enrolled:
    """What a photo gives whose first byte is the only thing that it shows.

    "?" shows no face, "|" half a face.
    """
    blob = source.get(reference.photo.key)
    told = {"person": reference.person, "photo": reference.photo.key}
    if blob.data.startswith(b"?"):
        report = ReferenceReport(**told, state="no_face", reason="no face found")
        return Enrolled(reference, report)
    report = ReferenceReport(**told, state="enrolled", box=(0, 0, 9, 9))
    parts = {"outside": 0.6 if blob.data.startswith(b"|") else 0.25}
    embedding = np.eye(256, dtype=np.float32)[blob.data[0]]
    content = hashlib.sha256(blob.data).hexdigest()
    return Enrolled(reference, report, 0.9, embedding, blob.etag, content, parts)


class Archive:
    """An archive with an empty gallery, and a people folder."""

    def __init__(self, folder: Path) -> None:
        self.people = folder / "people"
        self.store = MemoryStore()
        self.table = Table((folder / "archive").as_uri() + "/", "gallery.lance", S3Settings())
        self.table.create(gallery_schema(256))
        self.confirm: Callable[[], None] = lambda: None

    def put(self, key: str, data: bytes) -> None:
        (self.people / key).parent.mkdir(parents=True, exist_ok=True)
        (self.people / key).write_bytes(data)

    def enrol(
        self, folder: Path | None = None, *, keep_poor: bool = False
    ) -> dict[tuple[str, str], str]:
        """What became of each photo, by person and photo."""
        source = open_store((folder or self.people).as_uri() + "/", S3Settings())
        reports, _ = enrol.enrol_people(
            source,
            self.table,
            self.store,
            partial(looked_at, source=source),
            gate=replace(GATE, keep_poor=keep_poor),
            threads=1,
            confirm=self.confirm,
            progress=lambda: None,
        )
        return {(r.person, r.photo): r.state for r in reports}

    @property
    def gallery(self) -> list[tuple[str, str]]:
        rows = self.table.read(["person", "photo"]).to_pylist()
        return sorted((row["person"], row["photo"]) for row in rows)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    made.put("Salley/1.jpg", b"s1")
    made.put("Simm/1.jpg", b"m1")
    made.enrol()
    return made


def test_references_keep_the_parts_of_their_quality(archive: Archive) -> None:
    rows = archive.table.read(["outside", "certainty"]).to_pylist()
    assert rows == [{"outside": 0.25, "certainty": None}] * 2


def test_a_folder_that_is_renamed_renames_the_person(archive: Archive) -> None:
    (archive.people / "Salley").rename(archive.people / "John Salley")
    said = archive.enrol()
    assert said["John Salley", "John Salley/1.jpg"] == "enrolled"
    assert said["Salley", "Salley/1.jpg"] == "withdrawn"
    assert archive.gallery == [("John Salley", "John Salley/1.jpg"), ("Simm", "Simm/1.jpg")]
    [line] = audit.read(archive.store)
    assert (line.action, line.subject) == ("rename", person_id("Salley"))
    assert line.detail["to"] == person_id("John Salley")


def test_a_worker_that_is_late_leaves_the_gallery_as_it_is(archive: Archive) -> None:
    def confirm() -> None:
        raise UnitReleased

    archive.put("Salley/2.jpg", b"x2")
    (archive.people / "Simm/1.jpg").unlink()
    archive.confirm = confirm
    with pytest.raises(UnitReleased):
        archive.enrol()
    assert archive.gallery == [("Salley", "Salley/1.jpg"), ("Simm", "Simm/1.jpg")]
    assert list(audit.read(archive.store)) == []


def test_a_photo_that_is_moved_to_another_person_leaves_the_first(archive: Archive) -> None:
    archive.put("Salley/2.jpg", b"m2")
    archive.enrol()
    (archive.people / "Salley/2.jpg").rename(archive.people / "Simm/2.jpg")
    archive.enrol()
    [line] = audit.read(archive.store)
    assert (line.action, line.subject) == ("withdraw", person_id("Salley"))
    assert line.detail["to"] == person_id("Simm")
    assert archive.gallery == [
        ("Salley", "Salley/1.jpg"),
        ("Simm", "Simm/1.jpg"),
        ("Simm", "Simm/2.jpg"),
    ]


def test_who_is_gone_from_the_folder_is_withdrawn_and_the_log_says_so(archive: Archive) -> None:
    shutil.rmtree(archive.people / "Salley")
    assert archive.enrol()["Salley", "Salley/1.jpg"] == "withdrawn"
    assert archive.gallery == [("Simm", "Simm/1.jpg")]
    assert [line.action for line in audit.read(archive.store)] == ["withdraw"]
    assert archive.enrol() == {("Simm", "Simm/1.jpg"): "known"}


def test_another_folder_and_named_faces_stay(archive: Archive, tmp_path: Path) -> None:
    rows = archive.table.read(gallery_schema(256).names).slice(0, 1)
    named = rows.set_column(4, "etag", [["f" + "0" * 23]])
    archive.table.append(named.cast(gallery_schema(256)))
    shutil.rmtree(archive.people / "Salley")
    (tmp_path / "more/Third").mkdir(parents=True)
    (tmp_path / "more/Third/1.jpg").write_bytes(b"t")
    archive.enrol(tmp_path / "more")
    assert len(archive.gallery) == 4
    archive.enrol()
    assert len(archive.gallery) == 3
    assert ("Third", "Third/1.jpg") in archive.gallery


def test_a_folder_that_is_empty_or_of_no_use_takes_nobody_away(archive: Archive) -> None:
    shutil.rmtree(archive.people)
    archive.people.mkdir()
    with pytest.raises(FatalError, match="no people found"):
        archive.enrol()
    archive.put("Third/1.jpg", b"?")
    with pytest.raises(FatalError, match="none of the 1 reference photos"):
        archive.enrol()
    assert archive.gallery == [("Salley", "Salley/1.jpg"), ("Simm", "Simm/1.jpg")]


def test_one_photo_under_two_names_is_neither_persons(archive: Archive) -> None:
    archive.put("Third/1.jpg", b"t1")
    archive.put("Fourth/1.jpg", b"t1")
    said = archive.enrol()
    assert said["Third", "Third/1.jpg"] == said["Fourth", "Fourth/1.jpg"] == "shared"
    assert {person for person, _ in archive.gallery} == {"Salley", "Simm"}


def test_whoever_has_a_photo_keeps_it_also_from_another_folder(
    archive: Archive, tmp_path: Path
) -> None:
    (tmp_path / "more/Third").mkdir(parents=True)
    (tmp_path / "more/Third/1.jpg").write_bytes(b"s1")
    (tmp_path / "more/Third/2.jpg").write_bytes(b"t2")
    assert archive.enrol(tmp_path / "more") == {
        ("Third", "Third/1.jpg"): "shared",
        ("Third", "Third/2.jpg"): "enrolled",
    }
    assert ("Salley", "Salley/1.jpg") in archive.gallery


def test_copies_among_one_persons_references_do_no_harm(archive: Archive) -> None:
    archive.put("Salley/copy.jpg", b"s1")
    assert archive.enrol()["Salley", "Salley/copy.jpg"] == "enrolled"


def test_a_folder_whose_name_is_no_persons_is_refused(archive: Archive) -> None:
    archive.put("Third\nLine/1.jpg", b"t1")
    assert archive.enrol()["Third\\nLine", "Third\nLine/1.jpg"] == "bad_name"
    assert {person for person, _ in archive.gallery} == {"Salley", "Simm"}


def test_a_poor_reference_is_read_again_until_it_is_asked_for_and_then_stays(
    archive: Archive,
) -> None:
    archive.put("Third/1.jpg", b"|")
    assert archive.enrol()["Third", "Third/1.jpg"] == "cut_off"
    assert archive.enrol()["Third", "Third/1.jpg"] == "cut_off"
    assert archive.enrol(keep_poor=True)["Third", "Third/1.jpg"] == "enrolled"
    assert ("Third", "Third/1.jpg") in archive.gallery
    assert archive.enrol()["Third", "Third/1.jpg"] == "known"


def test_where_the_gate_leaves_nobody_the_run_ends_and_says_how_to_insist(
    archive: Archive, tmp_path: Path
) -> None:
    (tmp_path / "poor/Third").mkdir(parents=True)
    (tmp_path / "poor/Third/1.jpg").write_bytes(b"|")
    with pytest.raises(FatalError, match=r"none of the 1 reference photos .*outside.*--keep-poor"):
        archive.enrol(tmp_path / "poor")
    assert len(archive.gallery) == 2
    assert archive.enrol(tmp_path / "poor", keep_poor=True) == {
        ("Third", "Third/1.jpg"): "enrolled"
    }


def test_a_new_reference_is_compared_with_the_persons_earlier_ones(archive: Archive) -> None:
    archive.put("Salley/2.jpg", b"s2")
    archive.enrol()
    archive.put("Salley/3.jpg", b"x3")
    assert archive.enrol()["Salley", "Salley/3.jpg"] == "unlike"
    assert archive.enrol(keep_poor=True)["Salley", "Salley/3.jpg"] == "enrolled"


def test_a_photo_that_was_changed_is_not_judged_by_what_it_showed_before(archive: Archive) -> None:
    archive.put("Salley/2.jpg", b"s2")
    archive.enrol()
    archive.put("Salley/1.jpg", b"x1")
    assert archive.enrol()["Salley", "Salley/1.jpg"] == "enrolled"
