import os

from headcount.broker.queues import TASKS
from workers.app import WORK, worker_name


def test_every_task_of_the_broker_has_its_work() -> None:
    assert WORK.keys() == TASKS.keys()


def test_a_worker_is_named_after_its_process() -> None:
    assert worker_name().endswith(f"-{os.getpid()}")
