from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.rosters.source import fetch_roster, require_apart
from headcount.storage import open_store


def test_a_roster_is_fetched_by_its_uri(tmp_path: Path) -> None:
    (tmp_path / "who is where.csv").write_text("photo;name\na.jpg;Ada\n")
    lines = fetch_roster(str(tmp_path / "who is where.csv"), open_store).lines
    assert lines.select(["scope", "person"]).to_pylist() == [{"scope": "a.jpg", "person": "Ada"}]


def test_one_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"cannot read the expected people from .*none\.csv"):
        fetch_roster(str(tmp_path / "none.csv"), open_store)


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "jsonl", "parquet"])
def test_a_roster_that_the_run_would_write_over_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FatalError, match="choose another --out"):
        require_apart(str(tmp_path / f"expected.{suffix}"), str(tmp_path))


def test_a_roster_elsewhere_or_of_another_name_is_none_of_the_run_s(tmp_path: Path) -> None:
    require_apart(str(tmp_path / "expected.csv"), str(tmp_path / "out"))
    require_apart(str(tmp_path / "roster.csv"), str(tmp_path))
