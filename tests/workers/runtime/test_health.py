"""Liveness by progress, readiness by loaded models, and the ends of units counted."""

from pathlib import Path

import pytest

from headcount.contract.stored.jobs import DoneMarker
from headcount.errors import FatalError, TransientError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from workers.runtime.health import PROBE_STALL_SECONDS, Health
from workers.runtime.unit import Context, Unit


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    context = Context(Settings(), S3Settings(), "w")
    return Unit(context, open_store(canonical_uri(str(tmp_path))), "j1", "embed-0000000")


def test_a_worker_is_alive_while_its_unit_gets_on(unit: Unit) -> None:
    moment = [0.0]
    health = Health(now=lambda: moment[0])
    assert health.alive().status == 200
    with health.at_work(unit):
        assert health.alive().status == 200
        moment[0] += PROBE_STALL_SECONDS - 1
        unit.photos = 1
        assert health.alive().status == 200
        moment[0] += PROBE_STALL_SECONDS + 1
        assert health.alive().status == 503
    assert health.alive().status == 200


def test_one_unit_that_stands_still_beside_one_that_gets_on_is_seen(
    unit: Unit, tmp_path: Path
) -> None:
    moment = [0.0]
    health = Health(now=lambda: moment[0])
    other = Unit(unit.context, unit.store, "j1", "embed-0000001")
    with health.at_work(unit):
        with health.at_work(other):
            moment[0] += PROBE_STALL_SECONDS + 1
            unit.photos = 1
            page = health.alive()
            assert page.status == 503
            assert b"embed-0000000: 1 photos, no progress for 0 s" in page.body
            assert b"embed-0000001: 0 photos, no progress for 961 s" in page.body
        assert health.alive().status == 200


def test_a_worker_is_ready_once_its_models_are_loaded() -> None:
    health = Health()
    ready = health.pages()["/readyz"]
    assert ready().status == 503
    health.ready()
    assert ready().status == 200


@pytest.mark.parametrize(
    ("error", "end"), [(TransientError("slow"), "retried"), (FatalError("no"), "failed")]
)
def test_the_end_of_a_unit_is_counted(unit: Unit, error: Exception, end: str) -> None:
    health = Health()

    def breaks(unit: Unit) -> DoneMarker:
        raise error

    with pytest.raises(type(error)):
        health.watched(breaks)(unit)
    assert (
        f'headcount_units_total{{end="{end}",unit="embed"}} 1.0' in health.metrics.text().decode()
    )
