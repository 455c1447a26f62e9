"""A pack folder of YuNet and a made recogniser, and one cache for the tests of a module."""

from pathlib import Path

import pytest

from headcount.settings import Settings
from tests.workers.models.recognisers.test_arcface import made_network
from tests.workers.networks import shipped


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(cache: Path) -> Settings:
    return Settings(cache_dir=cache, provider="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack of YuNet and a made recogniser."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / "yunet.onnx").write_bytes(shipped("yunet"))
    (path / "made.onnx").write_bytes(made_network("N"))
    return path
