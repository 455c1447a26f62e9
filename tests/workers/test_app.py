"""The tasks of a worker, as Celery and whoever watches it see them."""

import os
from pathlib import Path
from typing import Any

import pytest

from headcount.broker.queues import TASKS
from headcount.contract.layout import JobKeys
from headcount.contract.stored.workers import WorkerRefusal
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from orchestrator.jobs.submit import make_spec
from tests.workers.runtime.test_runner import Hearing
from workers import app
from workers.app import WORK, make_worker_app, worker_name
from workers.runtime.health import Health
from workers.runtime.refusals import Refusals
from workers.runtime.runner import UnitFailed
from workers.runtime.unit import Context, Unit


def test_every_task_of_the_broker_has_its_work() -> None:
    assert WORK.keys() == TASKS.keys()


def test_a_worker_is_named_after_its_process() -> None:
    assert worker_name().endswith(f"-{os.getpid()}")


class Told(Hearing):
    url = "redis://127.0.0.1:1/0"


def outcome(folder: Path, allowed: tuple[str, ...] = ()) -> tuple[Any, list[WorkerRefusal | None]]:
    """The result of one task as Celery has it, and the refusals that were shown."""
    shown: list[WorkerRefusal | None] = []
    broker, health = Told(), Health()
    context = Context(Settings(), S3Settings(allowed_uris=allowed), "w")
    refusals = Refusals("w", broker, health, shown.append)
    tasks = make_worker_app(context, broker, health, refusals).tasks
    message = {"archive": canonical_uri(str(folder)), "job_id": "j1", "unit": "prepare"}
    return tasks["headcount.prepare"].apply(kwargs={"message": message}), shown


def test_a_unit_that_failed_is_a_failed_task_with_its_job_and_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(unit: Unit) -> None:
        raise FatalError("the archive is damaged")

    monkeypatch.setitem(app.WORK, "prepare", fails)  # type: ignore[arg-type]
    spec = make_spec(
        photos=str(tmp_path), people=None, archive=str(tmp_path), out="x", settings=Settings()
    )
    store = open_store(canonical_uri(str(tmp_path)))
    store.put(JobKeys("j1").spec, spec.to_bytes())
    result, shown = outcome(tmp_path)
    assert result.state == "FAILURE"
    assert isinstance(result.result, UnitFailed)
    assert str(result.result) == "job j1, prepare: the archive is damaged"
    assert shown == []


def test_a_unit_that_was_refused_is_a_failed_task_too(tmp_path: Path) -> None:
    result, shown = outcome(tmp_path, ("/elsewhere/",))
    assert result.state == "FAILURE"
    assert "HEADCOUNT_ALLOWED_URIS" in str(result.result)
    assert [refusal and refusal.kind for refusal in shown] == ["place"]
