"""Options of `headcount review` that would lead to a check that nobody signs."""

import pytest
from click.testing import CliRunner

from orchestrator.commands.review import command


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--check", "100"], "say with --by NAME who judges"),
        (["--check", "100", "--by", "  "], "say with --by NAME who judges"),
        (["--absences", "5"], "go with --check N"),
        (["--seed", "5"], "go with --check N"),
        (["--check", "0", "--by", "Rosa"], "0 is not in the range"),
    ],
)
def test_a_check_needs_somebody_who_signs(options: list[str], words: str) -> None:
    ended = CliRunner().invoke(command, ["out", *options])
    assert ended.exit_code == 2
    assert words in " ".join(ended.output.replace("│", " ").split())
