"""``headcount name``: one checked line, in its own words."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.scale.answers import cluster_of, face_of
from headcount.answers.kept import read_answers
from headcount.storage import Store
from orchestrator.commands import name
from tests.orchestrator.people.made_up import archive_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return archive_of(tmp_path / "archive")


def invoke(store: Store, *arguments: str) -> Result:
    return CliRunner().invoke(
        name.command, [*arguments, "--archive", store.uri], standalone_mode=False
    )


def test_a_cluster_or_face_is_named_once(store: Store) -> None:
    assert invoke(store, cluster_of(0)[:8], "Ada").stdout.startswith(
        "all 5 faces will be references of Ada"
    )
    assert "has the name Ada already" in invoke(store, cluster_of(0), "Ada").stdout
    again = invoke(store, face_of(0), "Eve")
    assert "this (name Eve) overrules answer" in again.stderr
    assert again.stdout.startswith("1 face will be references of Eve")
    assert len(read_answers(store)) == 2
    assert "the name eve looks like Eve" in invoke(store, face_of(3), "eve").stderr


def test_what_cannot_be_named_is_said_plainly(store: Store) -> None:
    for what, person, fault in (
        ("k", "Ada", "k is the beginning of several ids"),
        ("nobody", "Ada", "no face and no cluster nobody"),
        (face_of(0), "a\nb", "a name has no line breaks"),
        (face_of(0), " ", "a person needs a name"),
    ):
        told = str(invoke(store, what, person).exception)
        assert told.startswith(fault), "without the number of a line"
    assert not read_answers(store)
