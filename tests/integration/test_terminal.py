"""Keys and names that would steer a terminal, through every command that prints them."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from headcount.text import printable
from orchestrator.cli import headcount
from tests.running import table

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KEY = "a\x1b[2Jb\u202egpj.jpg"
FOLDER = "x\x1b]0;owned\x07y\njob done"
PERSON = "Ada \u2067L"


@pytest.fixture(scope="module")
def told(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All that each command printed, over an archive of two jobs."""
    root = tmp_path_factory.mktemp("terminal")
    photos, people, out = root / "photos", root / "people", root / "out"
    (photos / FOLDER).mkdir(parents=True)
    (people / PERSON).mkdir(parents=True)
    address = samples / "photos" / "address.jpg"
    (photos / f"{KEY}.txt.jpg").write_bytes(b"no photo")
    for reference in (samples / "people").rglob("*.jpg"):
        shutil.copy(reference, people / PERSON)
    said: dict[str, str] = {}

    def do(*arguments: str) -> str:
        ended = CliRunner().invoke(headcount, arguments)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), arguments
        said[arguments[0]] = said.get(arguments[0], "") + ended.output
        return ended.stdout

    where = ("--archive", str(out / "archive"))
    roll = (str(photos), "--people", str(people), "--out", str(out), "--annotate", "0")
    do("run", *roll)
    for sample in (samples / "photos").iterdir():
        shutil.copy(sample, photos / FOLDER / f"{sample.stem} {KEY}")
    do("run", *roll)
    cluster = next(r["cluster_id"] for r in table(out, "faces") if r["decision"] == "unknown")
    job = json.loads(do("jobs", *where, "--json"))[-1]["job_id"]
    do("search", str(address), *where, "--json")
    do("enroll", str(people), *where, "--json")
    for more in ((), ("--json",)):
        do("status", job, *where, *more)
        do("results", job, *where, *more)
        do("people", *where, *more)
        do("jobs", *where, *more)
        do("diff", *where, *more)
        do("plan", str(photos), *where, *more)
    do("name", cluster, PERSON, *where)
    answers = root / "answers.jsonl"
    answers.write_text(json.dumps({"what": "not", "ids": cluster, "person": PERSON}) + "\n")
    do("apply", str(answers), *where)
    do("answers", *where)
    do("audit", *where)
    do("export", job, str(root / "exported"), *where)
    do("forget", PERSON, *where, "--yes")
    do("retry", job, *where)
    return said


PRINTING = ["run", "status", "results", "people", "jobs", "diff", "search", "enroll", "plan"]


@pytest.mark.parametrize(
    "command", [*PRINTING, "retry", "name", "apply", "answers", "audit", "forget"]
)
def test_a_command_prints_nothing_that_a_terminal_obeys(told: dict[str, str], command: str) -> None:
    text = told[command]
    assert text
    assert [line for line in text.split("\n") if printable(line) != line] == []
    assert not [line for line in text.split("\n") if line.startswith("job done")]


def test_the_keys_and_names_are_there_all_the_same(told: dict[str, str]) -> None:
    found = json.loads(told["search"])["found"]
    assert f"{FOLDER}/address {KEY}" in {row["photo"] for row in found}
    assert printable(f"{FOLDER}/address {KEY}") in told["diff"]
    assert printable(PERSON) in told["people"]
