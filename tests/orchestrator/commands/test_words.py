"""Short ids, the latest job, a person's photos, names as they are now, and the nearest command."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from headcount.answers.kept import record_answer
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.storage import open_store
from headcount.text import cosine_text
from orchestrator.cli import headcount
from orchestrator.commands import results as results_command
from orchestrator.people.short_ids import full_id, full_person_id
from tests.at_once import AtOnce, add, begin, end
from tests.workers.stages.test_roll import enrol

FIRST, LAST = "20260101-101010-aaaa11", "20260102-101010-bbbb22"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two jobs over four photos: ada is enrolled and in three of them."""
    folder = tmp_path_factory.mktemp("words")
    photos = add(folder / "photos", a="ada", b="ada guest", c="guest", d="ada")
    broker = AtOnce(prepare=enrol("ada"))
    for job in (FIRST, LAST):
        end(begin(photos, folder / "archive", job), broker)
    return folder


def say(done: Path, *arguments: str) -> Result:
    archive = ("--archive", str(done / "archive"))
    return CliRunner().invoke(headcount, [*arguments, *archive], standalone_mode=False)


def test_a_short_id_is_the_beginning_or_end_of_one_id_and_several_are_named() -> None:
    ids = [FIRST, LAST]
    assert full_id("bbbb22", ids) == full_id("20260102", ids) == full_id(LAST, ids) == LAST
    assert full_id("202601", [FIRST]) == FIRST
    assert full_id("cccc", ids) == "cccc"
    assert full_id("2", [FIRST]) == "2", "a slip of the finger is no id"
    with pytest.raises(FatalError, match=f"several ids: {FIRST}, {LAST}"):
        full_id("202601", ids)


def test_a_short_id_of_a_person_is_no_name() -> None:
    known = ["p12340", "p12345", "p99999"]
    assert full_person_id("p99", known) == "p99999"
    assert full_person_id("p99999", known) == "p99999"
    assert full_person_id("paul", ["p12345"]) == "paul"
    assert full_person_id("999", known) == "999", "the end of an id is not meant"
    with pytest.raises(FatalError, match="several ids: p12340, p12345"):
        full_person_id("p1234", known)


def test_status_and_watch_are_of_the_latest_job_or_of_a_short_id(done: Path) -> None:
    assert f"job {LAST}" in say(done, "status").output
    assert f"job {FIRST}" in say(done, "status", "aaaa11").output
    assert f"job {LAST}" in say(done, "watch").output
    unknown = say(done, "status", "zzzz")
    assert isinstance(unknown.exception, FatalError)
    assert "there is no job zzzz" in str(unknown.exception)


@pytest.mark.parametrize("word", ["results", "diff", "export"])
def test_other_commands_take_short_ids_of_jobs(done: Path, tmp_path: Path, word: str) -> None:
    more = {"results": ("aaaa11",), "diff": ("aaaa11", "bbbb22")}
    more["export"] = ("aaaa11", "--to", str(tmp_path), "--table", "people")
    assert say(done, word, *more[word]).exception is None


def test_the_photos_of_a_person_are_listed_by_name_or_short_id(done: Path) -> None:
    told = say(done, "people", "ada")
    assert told.exception is None
    lines = [line.split() for line in told.stdout.splitlines()]
    assert [(line[0], Path(line[2]).stem) for line in lines] == [
        ("matched", name) for name in "abd"
    ]
    found = json.loads(say(done, "people", person_id("ada")[:9], "--json").stdout)
    assert (found["person_id"], found["person"]) == (person_id("ada"), "ada")
    assert all(photo["similarity"] > 0.9 for photo in found["photos"])
    assert found["photos"][0]["taken"] is None


def test_a_person_who_was_renamed_is_shown_by_the_name_of_now(done: Path) -> None:
    store = open_store(str(done / "archive"))
    new = {"new_person_id": person_id("Ada King"), "new_person": "Ada King"}
    answer = record_answer(store, "rename", (), person=(person_id("ada"), "ada"), **new)
    try:
        assert [row["person"] for row in json.loads(say(done, "people", "--json").stdout)] == [
            "Ada King"
        ]
        for name in ("Ada King", "ada"):
            found = json.loads(say(done, "people", name, "--json").stdout)
            assert found["person"] == "Ada King"
            assert len(found["photos"]) == 3
        assert say(done, "diff", FIRST, LAST).exception is None
    finally:
        record_answer(store, "undo", (), undoes=answer.id)


def test_search_says_that_a_name_is_no_photo(done: Path) -> None:
    refused = say(done, "search", "ada")
    assert isinstance(refused.exception, click.UsageError)
    assert "`headcount people ada` lists that person's photos" in str(refused.exception)


def test_results_open_the_report(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(results_command.click, "launch", lambda url: opened.append(url) or 0)
    assert say(done, "results", "--open").exception is None
    assert opened
    assert opened[0].endswith("report/index.html")
    assert Path(opened[0]).exists()
    monkeypatch.setattr(results_command.click, "launch", lambda url: 1)
    assert "no browser was found" in say(done, "results", "--open").stderr


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("serch", "there is no `serch`: did you mean `search`?"),
        ("stauts", "did you mean `status`"),
        ("xyzzy", "there is no `xyzzy`"),
        ("link", "there is no `link` any more"),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest(word: str, words: str) -> None:
    ended = CliRunner().invoke(headcount, [word])
    assert ended.exit_code == 2
    assert words in ended.stderr


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    ended = CliRunner().invoke(headcount, ["status", "--jsn"])
    assert (ended.exit_code, "--json" in ended.stderr) == (2, True)


def test_a_cosine_has_more_digits_where_two_are_the_same_as_the_thresholds() -> None:
    assert cosine_text(0.5123, 0.3634) == "0.51"
    assert (cosine_text(0.3641, 0.3634), cosine_text(0.3634, 0.3641)) == ("0.364", "0.363")
    assert (cosine_text(0.36341, 0.36338), cosine_text(0.3634, 0.3634)) == ("0.3634", "0.36")
    assert cosine_text(-0.004) == "-0.00"
    assert cosine_text(0.3634) == "0.36"
