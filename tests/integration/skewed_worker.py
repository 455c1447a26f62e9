"""A worker with the fake engine, on a machine whose clock is hours off."""

import os
import time
from datetime import datetime, timedelta

OFF = timedelta(hours=float(os.environ["HOURS_AHEAD"]))
_time = time.time
time.time = lambda: _time() + OFF.total_seconds()  # before anybody takes a copy of the name

from headcount.contract import record  # noqa: E402
from headcount.jobs import attempts  # noqa: E402
from tests.integration.fake_engine import main  # noqa: E402
from workers.stages import prepare  # noqa: E402

_now = record.now


def now() -> datetime:
    return _now() + OFF


record.now = attempts.now = prepare.now = now

if __name__ == "__main__":
    main()
