"""``headcount explain``: what it prints, asks and writes, and the line in the audit log."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from headcount import audit
from headcount.errors import FatalError
from orchestrator.commands.explain import command
from tests.workers.identity.answering import Answering

PHOTOS = {"a": "ada", "b": "ada~0.8", "copy": "ada", "team/c": "bob"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Answering:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "photos" / "team").mkdir(parents=True)
    return Answering(folder, "ada", photos=PHOTOS).run()


def test_a_face_is_explained_in_lines_and_in_the_audit_log(archive: Answering) -> None:
    face = archive["b0"]["face_id"]
    said = CliRunner().invoke(command, [face[:10], "--archive", str(archive.archive)])
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[0] == f"Face {face} of b.jpg"
    assert "matched (ada)" in said.stdout
    assert [line.subject for line in audit.read(archive.store) if line.action == "explain"] == [
        face
    ]


def test_a_photo_and_a_person_are_explained_as_json(archive: Answering) -> None:
    for what, kind in (("c.jpg", "photo"), ("Ada", "person")):
        said = CliRunner().invoke(command, [what, "--archive", str(archive.archive), "--json"])
        assert said.exit_code == 0, said.output
        assert json.loads(said.stdout)["kind"] == kind


def test_two_copies_of_a_face_are_asked_about(archive: Answering) -> None:
    face = archive["a0"]["face_id"]
    arguments = ["--archive", str(archive.archive)]
    said = CliRunner().invoke(command, [face, *arguments], standalone_mode=False)
    assert said.return_value == 1
    assert "may be 2 things" in said.stderr
    assert f"headcount explain {face} --as face --photo copy.jpg" in said.stdout
    chosen = CliRunner().invoke(command, [face, "--photo", "copy.jpg", *arguments])
    assert f"Face {face} of copy.jpg" in chosen.stdout


def test_a_page_is_written(archive: Answering, tmp_path: Path) -> None:
    page = tmp_path / "face.html"
    arguments = ["b.jpg", "--archive", str(archive.archive), "--out", str(page)]
    said = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert (said.return_value, said.stdout) == (0, "")
    assert "<h2>Faces</h2>" in page.read_text()


def test_what_is_not_there_is_an_error_with_what_is_near(archive: Answering) -> None:
    said = CliRunner().invoke(
        command, ["b.jpeg", "--archive", str(archive.archive)], standalone_mode=False
    )
    assert isinstance(said.exception, FatalError)
    assert "b.jpg" in str(said.exception)


def test_what_begins_with_a_hyphen_is_no_option(archive: Answering) -> None:
    said = CliRunner().invoke(
        command, ["--archive", str(archive.archive), "--", "--page"], standalone_mode=False
    )
    assert isinstance(said.exception, FatalError)
    assert "no face, photo or person '--page'" in str(said.exception)
