"""Fixtures: real servers, sample photos, and where the developers' own photos lie."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount.contract import reading
from headcount.settings import Settings
from orchestrator.local.samples import fetch_samples
from orchestrator.local.servers import embedded_broker
from tests.clusters import calm, crew, crew_settings
from tests.servers import s3
from tests.shared import locked

__all__ = ["calm", "crew", "crew_settings", "s3"]


reading.READING = reading.FIRST  # tests in this process begin with it, and raise it themselves

INTEGRATION = Path(__file__).with_name("integration")
WORKERS_PER_CORE = 2
"""Most tests wait for processes that wait for each other."""
MOST_WORKERS = 8
"""Each may hold a gigabyte or more."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run the tests: none but this one where only files are named."""
    if not any(Path(arg).is_dir() for arg in config.args):
        return 0
    return min(WORKERS_PER_CORE * (os.cpu_count() or 1), MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, so that no process is left with one at the end."""
    items.sort(key=lambda item: INTEGRATION not in item.path.parents)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test by accident."""
    for name in list(os.environ):
        if name.startswith(("HEADCOUNT_", "AWS_")) and name != "HEADCOUNT_TEST_DATA":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The demo's photos: people/, photos/, expected.csv."""
    cache = Settings().cache_dir
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "samples.lock"):
        return fetch_samples(cache)


@pytest.fixture
def broker_url() -> Iterator[str]:
    """A Valkey of this test's own."""
    with embedded_broker() as url:
        yield url


@pytest.fixture(scope="session")
def real() -> Path | None:
    """The developers' photos and models, None where they are not."""
    default = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("HEADCOUNT_TEST_DATA", default))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data(real: Path | None) -> Path:
    """The same for tests that nothing else can serve: they are skipped where it is not."""
    if real is None:
        pytest.skip("no development photos here")
    return real
