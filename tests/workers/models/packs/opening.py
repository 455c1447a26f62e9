"""Packs opened in tests: with their notes, or refused."""

import json
from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.models.base import ModelPack
from workers.models.packs.open import open_pack


def opened(name: str | Path, settings: Settings) -> ModelPack:
    return open_pack(str(name), settings, S3Settings())


def refused(name: str | Path, settings: Settings) -> str:
    """Return the message with which a pack is refused."""
    with pytest.raises(FatalError) as caught:
        opened(name, settings)
    return str(caught.value)


def notes(folder: Path, **values: object) -> None:
    """Write a pack's notes."""
    (folder / "pack.json").write_text(json.dumps(values))
