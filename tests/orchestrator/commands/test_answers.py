"""``headcount answers``: a listing with filters, a file for apply, and undo."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.scale.answers import cluster_of, face_of
from headcount.answers.kept import holding, read_answers
from headcount.storage import Store
from orchestrator.commands import answers
from tests.orchestrator.people.made_up import archive_of, check, say


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = archive_of(tmp_path / "archive")
    say(store, f"name,{cluster_of(0)},Ada,,,,,2026-10-01T10:00:00Z", "rename,Ada,Ada L")
    say(store, f"name,{face_of(16)},Eve", f"dismiss,{face_of(17)}")
    return store


def invoke(store: Store, *arguments: str) -> Result:
    return CliRunner().invoke(
        answers.command, ["--archive", store.uri, *arguments], standalone_mode=False
    )


def listed(store: Store, *filters: str) -> list[tuple[str, str | None]]:
    found = json.loads(invoke(store, *filters, "--json").stdout)
    return [(one["what"], one.get("person")) for one in found]


def test_answers_are_listed_by_word_person_and_time(store: Store) -> None:
    every = [("name", "Ada"), ("rename", "Ada"), ("name", "Eve"), ("dismiss", None)]
    assert listed(store) == every
    assert listed(store, "--what", "name", "--what", "dismiss") == [every[0], *every[2:]]
    for name in ("Ada", "Ada L"):
        assert listed(store, "--person", name) == every[:2]
    assert listed(store, "--since", "2026-11-01") == every[1:]
    assert listed(store, "--pending") == every
    assert "no answer is about Zoe" in str(invoke(store, "--person", "Zoe").exception)
    told = invoke(store).stdout.splitlines()
    assert "2026-10-01 10:00" in told[0]
    assert f"name Ada  {cluster_of(0)}  5 faces: holds, pending" in told[0]
    assert told[1].endswith("rename Ada -> Ada L: holds, pending")
    assert told[2].endswith(f"name Eve  {face_of(16)}: holds, pending"), "one face by its id"
    assert told[-1] == "4 answers, 4 pending"
    assert (
        invoke(archive_of(Path(store.uri.removeprefix("file://")) / "b")).stdout == "no answers\n"
    )


def test_an_answer_is_undone_by_a_short_id_and_the_undo_by_its_own(store: Store) -> None:
    first = read_answers(store)[0]
    told = invoke(store, "--undo", first.id[:6]).stdout
    assert told.startswith(f"{first.id} is undone from the next run on (undo ")
    assert first not in holding(read_answers(store))
    assert invoke(store, "--undo", first.id).stdout == "undone already\n"
    undo = read_answers(store)[-1]
    assert invoke(store, "--undo", undo.id).exit_code == 0
    assert first in holding(read_answers(store))
    count = len(read_answers(store))
    wrong = invoke(store, "--undo", first.id, "--undo", "xyz")
    assert str(wrong.exception).startswith(f"no answer xyz in {store.uri}")
    assert len(read_answers(store)) == count, "all or none"
    assert "--undo cannot be combined" in str(invoke(store, "--undo", "a", "--pending").exception)


def test_a_file_has_every_answer_but_those_undone(store: Store, tmp_path: Path) -> None:
    first = read_answers(store)[0]
    invoke(store, "--undo", first.id)
    printed = invoke(store, "--out", "-").stdout
    assert printed.startswith(
        "what,ids,person,photo,photo_sha256,box,orientation,said_at,said_by\n"
    )
    assert [line.split(",", 1)[0] for line in printed.splitlines()[1:]] == [
        "rename",
        "name",
        "dismiss",
    ]
    assert not check(store, *printed.splitlines()[1:]).answers
    for name, form in (("a.jsonl", ()), ("a.txt", ("--format", "jsonl"))):
        told = invoke(store, "--out", str(tmp_path / name), *form).stdout
        assert told == f"3 answers in 3 lines: {tmp_path / name}\n"
        assert json.loads((tmp_path / name).read_text().splitlines()[0])["what"] == "rename"
    assert "cannot be written" in str(invoke(store, "--out", str(tmp_path / "no/a")).exception)
