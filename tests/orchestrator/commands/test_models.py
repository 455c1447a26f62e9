import json
from pathlib import Path

import pytest

from tests.orchestrator.test_cli import headcount


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADCOUNT_CACHE_DIR", str(tmp_path))
    return tmp_path / "models"


def test_a_pack_is_prepared_verified_and_found_damaged(cache: Path) -> None:
    prepared = headcount("models", "prepare", "--json")
    assert prepared.returncode == 0
    files = json.loads(prepared.stdout)["files"]
    assert {Path(file["prepared"]) for file in files} == set(cache.glob("*.onnx"))
    assert headcount("models", "verify").returncode == 0
    Path(files[0]["prepared"]).write_bytes(b"")
    checked = headcount("models", "verify")
    assert checked.returncode == 1
    assert "FAIL  prepared detector" in checked.stdout
    assert "1 of 4 checks failed" in checked.stdout


def test_a_variant_without_a_gate_is_refused() -> None:
    asked = headcount("models", "prepare", "--variant", "int8")
    assert asked.returncode == 1
    assert "has passed no gate here" in asked.stderr


def test_a_gate_for_no_variant_is_a_usage_error() -> None:
    assert headcount("models", "prepare", "--gate", "people").returncode == 2


def test_boxes_without_people_are_a_usage_error() -> None:
    asked = headcount("models", "prepare", "--variant", "int8", "--boxes", "photos")
    assert asked.returncode == 2
    assert "--boxes needs --gate" in asked.stderr
