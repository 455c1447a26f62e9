"""What is printed: harmless for a terminal, whatever keys and names hold."""

import json
import re
from pathlib import Path

import pytest

from orchestrator.terminal import say, say_json, say_lines, say_text

PACKAGE = Path(__file__).resolve().parents[2] / "orchestrator"
EVIL = "a\x1b[31mb\u202egpj.\x9b2J\x7f\r\n\u2066\u2028\udcff"


def test_a_line_has_no_control_character_no_escape_and_no_bidi_mark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(f"photo {EVIL}")
    say_lines([EVIL, "second"], err=True)
    written = "a\\x1b[31mb\\u202egpj.\\x9b2J\\x7f\\r\\n\\u2066\\u2028\\udcff"
    told = capsys.readouterr()
    assert told.out == f"photo {written}\n"
    assert told.err == f"{written}\nsecond\n"


def test_a_name_of_any_script_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    names = "Zo\u00eb \u5c71\u7530\u3000\u592a\u90ce \u0645\u06cc\u200c\u062e 9.41\u202fAM"
    names += " \U0001f469\u200d\U0001f469"
    say(names)
    assert capsys.readouterr().out == f"{names}\n"


def test_json_means_the_same_and_holds_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = {"photo": EVIL, "more": ["\U000e0001", "Zo\u00eb"]}
    say_json(json.dumps(data, indent=1, ensure_ascii=False))
    told = capsys.readouterr().out
    assert json.loads(told) == data
    assert "Zo\u00eb" in told
    assert all(c.isprintable() for c in told.replace("\n", ""))


def test_a_message_of_several_lines_cannot_look_like_one_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_text("headcount: cannot read a\njob 1: done")
    assert capsys.readouterr().out == "headcount: cannot read a\n  job 1: done\n"


def test_nothing_else_prints() -> None:
    printing = re.compile(r"\b(click\.s?echo|print)\(|std(out|err)\.write\(")
    files = {f.relative_to(PACKAGE): f.read_text() for f in PACKAGE.rglob("*.py")}
    found = {str(name) for name, text in files.items() if printing.search(text)}
    # broker_host says "ready" to its parent; progress shows bars, and escapes what it warns of
    assert found == {"terminal.py", "local/broker_host.py", "console/progress.py"}
