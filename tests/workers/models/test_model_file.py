from pathlib import Path

import pytest

from headcount.settings import Settings
from tests.workers.networks import detector_like
from workers.models.model_file import ModelFile, open_network, ready_form, wants_batches
from workers.models.onnx.prepare import sha256


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu")


def test_a_file_is_known_by_what_was_shipped() -> None:
    shipped = ModelFile("a.onnx", b"shipped")
    prepared = ModelFile("a.onnx", b"prepared", ready=True, source=shipped.digest)
    assert shipped.identity == shipped.digest == sha256(b"shipped")
    assert prepared.identity == shipped.identity
    assert prepared.digest == sha256(b"prepared")


def test_a_file_that_is_ready_is_run_as_it_is_and_another_is_prepared_once(
    settings: Settings,
) -> None:
    data = detector_like(3)
    assert ready_form(ModelFile("a", b"any", ready=True), settings, free_size=True) == b"any"
    assert not settings.cache_dir.exists()
    made = ready_form(ModelFile("a", data), settings, free_size=True)
    session = open_network(made, ModelFile("a", data), settings)
    assert session.inputs == {"x": [None, 3, None, None]}
    (kept,) = settings.cache_dir.rglob("*.onnx")
    assert kept.read_bytes() == made


@pytest.mark.parametrize(("batching", "wanted"), [("auto", False), ("on", True), ("off", False)])
def test_a_cpu_runs_requests_together_only_where_it_is_told_to(
    settings: Settings, batching: str, wanted: bool
) -> None:
    session = open_network(detector_like(1), ModelFile("a", b""), settings)
    assert wants_batches(settings.model_copy(update={"batching": batching}), session) is wanted
