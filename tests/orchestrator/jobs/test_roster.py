from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from headcount.errors import FatalError
from headcount.rosters.read import read_roster
from headcount.s3_settings import S3Settings
from orchestrator.jobs import roster
from orchestrator.jobs.roster import check_roster, most_rows


def test_only_what_may_be_several_photos_counts_as_many() -> None:
    lines = read_roster(
        b"scope,person,needed\na.jpg,Ada,\na/,Ada,\n*,Ada,some\na?.jpg,Ada,\n2024\\,Ada,\n", "r"
    ).lines
    assert most_rows(lines, 100) == 5 + 3 * 100


def test_the_photos_are_gone_through_only_where_there_may_be_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.csv"
    path.write_text("scope,person\n*,Ada\na/,Ada\n")

    def photos() -> Iterator[pa.Array]:
        yield pa.array(["a/1.jpg", "b/1.jpg", "b/2.jpg"])

    def fail() -> Iterator[pa.Array]:
        pytest.fail("photos were listed")

    check_roster(str(path), S3Settings(), 1_000_000, fail)
    monkeypatch.setattr(roster, "MAX_ROWS", 3)
    check_roster(str(path), S3Settings(), 3, photos)  # four, and ten million may be
    monkeypatch.setattr("headcount.rosters.scopes.check_rows.__defaults__", (3,))
    with pytest.raises(FatalError, match="expects people in 4 photos"):
        check_roster(str(path), S3Settings(), 3, photos)
