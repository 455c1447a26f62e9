"""Log lines: bound to what they are about, as text or as JSON."""

import json
import logging
from collections.abc import Iterator

import pytest

from headcount.telemetry import logs


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_json_says_which_attempt_at_which_shard_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "json")
    log = logging.getLogger("workers.runtime.runner")
    with logs.bound(job="j1", shard="embed-0000003"):
        with logs.bound(attempt=2):
            try:
                raise ValueError("broken")  # noqa: TRY301
            except ValueError:
                log.exception("it %s", "failed")
        log.info("next")
    log.info("bare")
    failed, following, bare = map(json.loads, capsys.readouterr().err.splitlines())
    assert failed["message"] == "it failed"
    assert (failed["job"], failed["shard"], failed["attempt"]) == ("j1", "embed-0000003", 2)
    assert "ValueError: broken" in failed["traceback"]
    assert "attempt" not in following
    assert following["shard"] == "embed-0000003"
    assert set(bare) == {"time", "level", "logger", "message"}


def test_text_names_the_same_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "text")
    with logs.bound(job="j1"):
        logging.getLogger("x").warning("slow")
        logging.getLogger("x").info("not shown")
    assert capsys.readouterr().err.endswith("WARNING x slow [job=j1]\n")
