"""``headcount apply``: files, standard input, dry runs, and what is said."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.scale.answers import cluster_of, face_of
from headcount.answers.kept import read_answers
from headcount.storage import Store
from orchestrator.commands import apply
from tests.orchestrator.people.made_up import archive_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return archive_of(tmp_path / "archive")


def invoke(store: Store, file: str, *more: str, text: str | None = None) -> Result:
    return CliRunner().invoke(
        apply.command,
        [file, "--archive", store.uri, *more],
        input=text,
        standalone_mode=False,
    )


def test_a_file_or_standard_input_is_recorded_and_counted_by_word(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"what,ids,person,note\nname,{cluster_of(0)},Ada,x\ndismiss,{face_of(16)},,\n")
    dry = invoke(store, str(file), "--dry-run")
    assert "2 answers (1 name, 1 dismiss): would be recorded" in dry.output
    assert not read_answers(store)
    told = invoke(store, str(file))
    assert "the column note has no meaning here: ignored" in told.stderr
    assert told.stdout.startswith("2 answers (1 name, 1 dismiss): recorded")
    again = invoke(store, "-", text=file.read_text())
    assert again.stdout.startswith("nothing new to record: 0 answers; 2 lines held already")
    assert len(read_answers(store)) == 2


def test_a_bad_line_or_with_strict_a_warning_records_nothing(store: Store) -> None:
    good, alike = f"name,{face_of(0)},Ada\n", f"name,{face_of(1)},ada\n"
    bad = invoke(store, "-", text=f"what,ids,person\n{good}name,nobody,Ada\nfoo,,\n")
    assert "nothing of standard input was recorded" in str(bad.exception)
    assert "line 3: no face and no cluster nobody" in str(bad.exception)
    assert "line 4: foo is no answer" in str(bad.exception)
    strict = invoke(store, "-", "--strict", text=f"what,ids,person\n{good}{alike}")
    assert "the name ada looks like Ada" in str(strict.exception)
    assert not read_answers(store)
    warned = invoke(store, "-", text=f"what,ids,person\n{good}{alike}")
    assert warned.exit_code == 0
    assert "line 3: the name ada looks like Ada" in warned.stderr
    assert "1 warning" in warned.stdout
    assert len(read_answers(store)) == 2


def test_a_file_that_cannot_be_read_is_an_error_in_words(store: Store, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path):
        assert "cannot be read: " in str(invoke(store, str(path)).exception)
