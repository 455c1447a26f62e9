import pytest

from workers.stages.embed import idle


def test_time_without_a_photo_is_what_the_threads_did_not_work() -> None:
    stages = {"fetch": 50.0, "decode": 6.0, "detect": 3.0, "embed": 1.0}
    assert idle(stages, elapsed=10.0, threads=2) == pytest.approx(10.0)
    assert idle(stages, elapsed=4.0, threads=2) == 0.0
