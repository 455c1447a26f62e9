"""A made pack and its variant, which tests of several rooms share. Networks are loaded on use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headcount.s3_settings import S3Settings
from headcount.settings import Settings

if TYPE_CHECKING:
    from workers.models.packs.variants import Variant


@pytest.fixture
def quick_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that measures once and calibrates with few crops."""
    monkeypatch.setattr("workers.variants.gate.ROUNDS", 1)
    monkeypatch.setattr("workers.variants.gate.MOST_CALIBRATION", 24)


@pytest.fixture
def made_pack(tmp_path: Path) -> Path:
    """A folder with YuNet and a made recogniser."""
    from tests.workers.networks import shipped
    from tests.workers.variants.made import made_network

    path = tmp_path / "mine"
    path.mkdir()
    (path / "yunet.onnx").write_bytes(shipped("yunet"))
    (path / "made.onnx").write_bytes(made_network())
    return path


@pytest.fixture
def passed(made_pack: Path, settings: Settings, quick_gate: None) -> Variant:
    """The int8 variant of ``made_pack``, which lies in the cache of the test's ``settings``."""
    from tests.workers.variants.made import gated
    from workers.models.packs.files import resolve_pack
    from workers.models.packs.variants import keep_variant

    made = gated(resolve_pack(str(made_pack), settings, S3Settings()), settings)
    keep_variant(settings.cache_dir, made)
    return made
