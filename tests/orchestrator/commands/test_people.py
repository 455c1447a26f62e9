"""Who is enrolled, as it is listed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from headcount.answers.kept import record_answer
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri, open_store
from headcount.tables.schemas import gallery_schema
from headcount.tables.table import Table
from orchestrator.commands import people, search
from orchestrator.commands.name import faces_phrase
from orchestrator.commands.people import command


def enrolled(folder: Path, *names: str) -> str:
    """An archive with a reference of each name."""
    store = open_store(canonical_uri(str(folder)), S3Settings())
    model = ModelChoice(name="sface", pack_id="p1")
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    gallery = Table(store.uri, PackKeys("p1").gallery, S3Settings())
    gallery.create(gallery_schema(2))
    rows = [
        {"person_id": person_id(name), "person": name, "source": "s", "photo": f"{number}.jpg"}
        for number, name in enumerate(names)
    ]
    schema = gallery_schema(2)
    gallery.append(type(schema.empty_table()).from_pylist(rows, schema=schema))
    return str(folder)


def test_a_person_is_listed_once_however_the_name_was_spelt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = enrolled(tmp_path, "Jos\u00e9", "Jose\u0301")
    command.main(["--archive", archive, "--json"], standalone_mode=False)
    [row] = json.loads(capsys.readouterr().out)
    assert row["reference_count"] == 2
    command.main(["--archive", archive], standalone_mode=False)
    assert capsys.readouterr().err.startswith("1 person enrolled")


def test_names_that_differ_by_case_only_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["--archive", enrolled(tmp_path, "Ada", "ADA", "Ben")], standalone_mode=False)
    said = capsys.readouterr().err
    assert "case only: ADA, Ada" in said
    assert "3 people enrolled" in said


def test_faces_that_become_references_are_counted_in_plain_words() -> None:
    assert [faces_phrase(5, 10), faces_phrase(3, 3), faces_phrase(1, 1)] == [
        "5 of its 10 faces",
        "all 3 faces",
        "1 face",
    ]


@pytest.mark.parametrize("asked", [people.command, search.command])
def test_where_there_is_no_archive_that_is_said(asked: click.Command, tmp_path: Path) -> None:
    arguments = ["nobody.jpg"] if asked is search.command else []
    said = CliRunner().invoke(asked, [*arguments, "--archive", str(tmp_path / "none")])
    assert said.exit_code == 2
    assert "no archive in" in said.output
    assert not (tmp_path / "none").exists()


def test_nobody_is_enrolled_where_the_first_job_died_before_it_had_a_gallery(
    tmp_path: Path,
) -> None:
    store = open_store(canonical_uri(str(tmp_path)), S3Settings())
    model = ModelChoice(name="sface", pack_id="p1")
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    asked = ["--archive", store.uri, "--json"]
    told = CliRunner().invoke(command, asked, standalone_mode=False)
    assert (told.exception, json.loads(told.stdout)) == (None, [])


def test_people_who_were_renamed_are_listed_by_the_name_that_they_have_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = enrolled(tmp_path, "Ada Byron", "Ada Lovelace", "Ben")
    lovelace = {"new_person_id": person_id("Ada Lovelace"), "new_person": "Ada Lovelace"}
    store = open_store(canonical_uri(archive))
    record_answer(store, "rename", (), person=(person_id("Ada Byron"), "Ada Byron"), **lovelace)
    command.main(["--archive", archive, "--json"], standalone_mode=False)
    listed = [
        (row["person"], row["reference_count"]) for row in json.loads(capsys.readouterr().out)
    ]
    assert listed == [("Ada Lovelace", 2), ("Ben", 1)]


def test_a_search_looks_into_the_archive_in_a_runs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(tmp_path / "archive", "Ada")
    asked: list[str] = []

    def tool(name: str, archive: str, *more: str, environment: Mapping[str, str]) -> Any:
        asked.append(archive)
        return {"found": [], "threshold": 0.4}

    monkeypatch.setattr(search, "run_tool", tool)
    arguments = [str(tmp_path / "a.jpg"), "--archive", str(tmp_path)]
    assert CliRunner().invoke(search.command, arguments).exit_code == 0
    assert asked == [canonical_uri(str(tmp_path / "archive"))]
