import pytest

from workers.runtime import stopwatch
from workers.runtime.stopwatch import Stopwatch


def test_a_lap_is_the_time_since_the_last_one_and_laps_of_one_stage_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter([10.0, 11.0, 13.0, 13.5])
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: next(moments))
    watch = Stopwatch()
    for stage in ("load", "match", "load"):
        watch.lap(stage)
    assert watch.seconds == {"load": 1.5, "match": 2.0}
    assert watch.report() == {"seconds": 3.5, "stages": watch.seconds}
