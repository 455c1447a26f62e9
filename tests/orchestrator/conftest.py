"""Where an archive is made, for tests that make no other."""

from pathlib import Path

import pytest

from headcount.storage import Store, open_store


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def store(archive: Path) -> Store:
    return open_store(str(archive))
