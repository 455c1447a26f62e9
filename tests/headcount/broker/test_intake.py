"""The intake of a worker: shut and opened again, errors of the broker, foreign messages."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from celery.bootsteps import RUN

from headcount.broker import intake
from headcount.broker.client import Broker
from headcount.broker.intake import Intake
from tests import foreign


class Consumer:
    """The part of Celery's consumer that an intake uses; its timer goes off when it is told."""

    def __init__(self, reply: Callable[..., Any]) -> None:
        client = SimpleNamespace(parse_response=reply)
        self.task_consumer = SimpleNamespace(channel=SimpleNamespace(client=client))
        self.blueprint = SimpleNamespace(state=RUN)
        self.timer = self
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.queues = {"embed"}

    def call_soon(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def call_after(self, seconds: float, function: Callable[[], None]) -> None:
        self.timers.append((seconds, function))

    def cancel_task_queue(self, queue: str) -> None:
        self.queues.discard(queue)

    def add_task_queue(self, queue: str) -> None:
        self.queues.add(queue)

    def read(self) -> Any:
        """What kombu gets for its BRPOP."""
        return self.task_consumer.channel.client.parse_response(None, "BRPOP")


class Stage:
    """An intake, its consumer, and what it told."""

    def __init__(self, url: str, reply: Any = None) -> None:
        self.kinds: list[str] = []
        self.others: list[dict[str, Any]] = []
        self.broker = Broker(url)
        self.intake = Intake(
            self.broker, ["embed"], on_foreign=self.kinds.append, on_version=self.others.append
        )
        self.consumer = Consumer(lambda *_: reply)
        self.intake.connected(self.consumer)


def test_an_intake_is_shut_once_and_opens_after_its_time(
    broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [0.0]
    monkeypatch.setattr("headcount.broker.intake.time.monotonic", lambda: moment[0])
    stage = Stage(broker_url)
    assert stage.intake.shut(60)
    assert not stage.intake.shut(60)
    assert stage.consumer.queues == set()
    stage.intake.open()
    assert stage.consumer.queues == {"embed"}
    moment[0] = 30.0
    assert stage.intake.shut(60)
    (_, first), (seconds, second) = stage.consumer.timers
    moment[0] = 60.0
    first()  # of the pause that was cut short
    assert stage.consumer.queues == set()
    moment[0] = 30.0 + seconds
    second()
    assert stage.consumer.queues == {"embed"}


def test_an_intake_that_is_shut_for_no_time_takes_all(broker_url: str) -> None:
    stage = Stage(broker_url)
    assert stage.intake.shut(0)
    assert stage.intake.shut(0)
    assert stage.consumer.queues == {"embed"}


def test_a_message_of_ours_passes_and_others_are_dealt_with(broker_url: str) -> None:
    ours = json.dumps(foreign.message()).encode()
    stage = Stage(broker_url, (b"embed", ours))
    assert stage.consumer.read() == (b"embed", ours)
    other = json.dumps(foreign.message(content=foreign.OURS | {"version": 2})).encode()
    stage = Stage(broker_url, (b"embed", other))
    assert stage.consumer.read() is None
    assert [message["version"] for message in stage.others] == [2]
    stage = Stage(broker_url, (b"embed\x06\x163", b"\xff" * (1 << 20)))
    assert stage.consumer.read() is None
    assert stage.kinds == ["bytes"]
    assert stage.broker._redis.llen("embed.foreign") == 1


def test_no_more_foreign_messages_are_kept_than_are_looked_at(broker_url: str) -> None:
    broker = Broker(broker_url)
    for _ in range(105):
        broker.set_aside("embed", b"x")
    assert broker._redis.llen("embed.foreign") == 100


@pytest.mark.parametrize(
    ("error", "moved"),
    [
        (redis.ResponseError("WRONGTYPE Operation against a key"), False),
        (redis.ReadOnlyError("You can't write against a read only replica."), True),
        (redis.ResponseError("UNBLOCKED force unblock from blocking operation"), True),
    ],
)
def test_an_error_of_the_broker_is_waited_out_and_told_once(
    error: Exception,
    moved: bool,
    broker_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(intake, "ERROR_SECONDS", 0.0)
    stage = Stage(broker_url)

    def refuse(*_: Any) -> None:
        raise error

    stage.consumer = Consumer(refuse)
    stage.intake.connected(stage.consumer)
    for _ in range(2):
        if moved:
            with pytest.raises(redis.ConnectionError):
                stage.consumer.read()
        else:
            assert stage.consumer.read() is None
    assert caplog.text.count("the broker refuses to hand out messages of embed") == 1
