"""Nights as alerts see them: due until one has begun, failed until one is well."""

from datetime import UTC, datetime
from pathlib import Path

from headcount.telemetry.collectors import Night
from orchestrator.schedules.nights import nights
from orchestrator.schedules.schedule import remove_schedule
from tests.orchestrator.schedules.test_schedule import DAY, Nightly

FIRST = datetime(2026, 11, 25, 1, tzinfo=UTC)


def test_a_night_is_due_until_it_has_begun_and_failed_until_the_next_is_done(
    tmp_path: Path,
) -> None:
    nightly = Nightly(tmp_path)
    assert nights(nightly.store) == {"home": Night(FIRST, failed=False)}
    nightly.look(FIRST)
    assert nights(nightly.store) == {"home": Night(FIRST + DAY, failed=False)}
    nightly.end("failed")
    assert nights(nightly.store) == {"home": Night(FIRST + DAY, failed=True)}
    nightly.look(FIRST + DAY)
    nightly.end()
    assert nights(nightly.store) == {"home": Night(FIRST + 2 * DAY, failed=False)}
    remove_schedule(nightly.store, "home")
    assert nights(nightly.store) == {}


def test_a_night_that_is_at_work_for_days_leaves_the_next_ones_due(tmp_path: Path) -> None:
    nightly = Nightly(tmp_path)
    nightly.look(FIRST)
    nightly.look(FIRST + 2 * DAY)
    assert nights(nightly.store)["home"].due == FIRST + DAY
