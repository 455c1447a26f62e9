from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.rosters.source import fetch_roster
from headcount.storage import open_store


def test_a_roster_is_fetched_by_its_uri(tmp_path: Path) -> None:
    (tmp_path / "who is where.csv").write_text("photo;name\na.jpg;Ada\n")
    lines = fetch_roster(str(tmp_path / "who is where.csv"), open_store).lines
    assert lines.select(["scope", "person"]).to_pylist() == [{"scope": "a.jpg", "person": "Ada"}]


def test_one_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"cannot read the expected people from .*none\.csv"):
        fetch_roster(str(tmp_path / "none.csv"), open_store)
