import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark
from headcount.contract import reading
from headcount.contract.layout import PackKeys
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.tables.table import Table
from orchestrator.commands.diff import command, lines
from tests.at_once import add
from tests.rereading import night, read_again


def diff(archive: Path, *arguments: str) -> str:
    ended = CliRunner().invoke(
        command, [*arguments, "--archive", str(archive)], standalone_mode=False
    )
    assert ended.exception is None, ended.exception
    return ended.output


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two jobs, the second of which read photos anew."""
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a="ada-1 bob turn", b="eve cleo@2", c="fay")
    spec = night(photos, archive, "1")
    monkeypatch.setattr(reading, "READING", 2)
    read_again(spec, "a", "b")
    night(photos, archive, "2")
    return archive


def test_faces_of_photos_that_were_read_anew_are_followed(archive: Path) -> None:
    found: dict[str, Any] = json.loads(diff(archive, "--json"))
    assert (found["job_a"], found["job_b"]) == ("1", "2")
    assert (found["counts"]["new_faces"], found["counts"]["gone_faces"]) == (1, 1)
    assert found["new_faces"][0]["taken"] is None
    told = diff(archive).splitlines()
    line = "2 photos read anew by reading 2: 1 face found, 1 lost; 0 faces named, 0 not named"
    assert any(said.startswith(line) for said in told)
    [lost] = [said for said in told if said.startswith("lost")]
    assert lost.endswith("nobody")


def test_without_the_jobs_own_diff_a_comparison_goes_by_ids(archive: Path) -> None:
    (archive.parent / "out-2" / "diff.json").unlink()
    found = json.loads(diff(archive, "--json"))
    assert "reread" not in found
    assert (found["counts"]["new_faces"], found["counts"]["gone_faces"]) == (3, 3)


def test_who_was_lost_is_said_by_name(archive: Path) -> None:
    found = json.loads(diff(archive, "--json"))
    ada = {"person_id": "p1", "person": "Ada", "decision": "matched"}
    found["reread"]["lost"] = [{"photo": "a.jpg", "face_id": "f1", "before": ada}]
    assert "lost   a.jpg  f1  Ada (matched)" in lines(found)


def test_new_faces_and_moved_photos_have_the_day_they_were_taken(tmp_path: Path) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "photos"
    night(add(folder, a="ada", b="bob"), archive, "1")
    (folder / "b.jpg").rename(folder / "moved.jpg")
    spec = night(add(folder, c="cleo"), archive, "2")
    [pack] = (archive / "packs").iterdir()
    table = Table(spec.archive, PackKeys(pack.name).photos, S3Settings())
    assert "taken" not in diff(archive)
    table.update({"taken": "TIMESTAMP '2019-07-04 15:30:12'"}, "true")
    found = json.loads(diff(archive, "--json"))
    [face], [photo] = found["new_faces"], found["moved_photos"]
    assert face["taken"] == photo["taken"] == "2019-07-04T15:30:12"
    told = diff(archive).splitlines()
    assert f"new    c.jpg  {face['face_id']}  taken 2019-07-04" in told
    assert "photo  b.jpg  is now  moved.jpg  (1 face)  taken 2019-07-04" in told


def test_whoever_was_renamed_is_the_same_person_in_both_jobs(tmp_path: Path) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "photos"
    (tmp_path / "roster.csv").write_text("photo,person\na.jpg,Ada\nb.jpg,Ada\n")
    expected = str(tmp_path / "roster.csv")
    night(add(folder, a="ada", b="bob"), archive, "1")
    [face] = [
        row["face_id"]
        for row in pq.read_table(tmp_path / "out-1" / "faces.parquet").to_pylist()
        if row["photo"] == "a.jpg"
    ]
    store, mark = open_store(str(archive)), FaceMark(face_id=face, content="", box=(0, 0, 9, 9))
    ada, zoe = ((person_id(name), name) for name in ("Ada", "Zoe"))
    record_answer(store, "name", (mark,), person=ada, job_id="1")
    night(folder, archive, "2", expected=expected)
    renamed = {"new_person_id": zoe[0], "new_person": zoe[1]}
    record_answer(store, "rename", (), person=ada, **renamed)
    night(folder, archive, "3", expected=expected)
    found = json.loads(diff(archive, "2", "3", "--json"))
    assert set(found["counts"].values()) == {0}
    assert json.loads(diff(archive, "1", "3", "--json"))["counts"]["new_absences"] == 1
