"""Workers that cannot work: they say so and step aside, and a job that none can do fails."""

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from headcount.broker.client import Broker
from headcount.contract.messages import UnitMessage
from tests import foreign
from tests.clusters import Cluster, fake_worker, until
from tests.servers import S3Server, free_ports

pytestmark = pytest.mark.integration


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def status(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.run("status", cluster.job, "--json").stdout)
    return found


def refusals(cluster: Cluster) -> list[dict[str, str]]:
    progress = status(cluster)["progress"]
    return progress["refusals"] if progress else []


@contextmanager
def on_s3(samples: Path, folder: Path, url: str, s3: S3Server) -> Iterator[Cluster]:
    uri = f"s3://{s3.make_bucket()}/archive/"
    yield Cluster(samples, folder, url, uri=uri, HEADCOUNT_SHARD_PHOTOS="5", **s3.env())


def test_a_worker_with_a_wrong_key_steps_aside_and_a_good_one_does_the_job(
    samples: Path, tmp_path: Path, broker_url: str, s3: S3Server, calm: Path
) -> None:
    [port] = free_ports(1)
    wrong = s3.env() | {"AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
    log = tmp_path / "bad.log"
    with ExitStack() as stack:
        cluster = stack.enter_context(on_s3(samples, tmp_path, broker_url, s3))
        bad = stack.enter_context(fake_worker(broker_url, log, metrics_port=port, **wrong))
        supervisor = cluster.start("supervise", "--once")
        until(lambda: refusals(cluster))
        [refusal] = refusals(cluster)
        assert refusal["worker"].endswith(f"-{bad.pid}")
        assert "does not accept the credentials" in refusal["cause"]
        assert f"{bad.pid} cannot work: " in cluster.run("status", cluster.job).stdout
        code, reason = get(port, "/readyz")
        assert (code, "does not accept the credentials" in reason) == (503, True)
        shown = get(port, "/metrics")[1]
        assert 'headcount_refusals_total{cause="store"} 1.0' in shown
        assert "headcount_worker_ready 0.0" in shown
        assert [w.refusal is not None for w in Broker(broker_url).workers()] == [True]
        stack.enter_context(fake_worker(broker_url, tmp_path / "good.log", **s3.env()))
        _, errors = supervisor.communicate(timeout=100)
        assert supervisor.returncode == 0, errors
        assert bad.poll() is None
    assert errors.count("cannot work") == 1
    assert "was lost with its worker" not in errors
    assert log.read_text().count(" refused: ") == 1  # it took one message, and then paused
    assert "Traceback" not in log.read_text()
    cluster.same_results(calm)


@pytest.mark.parametrize("cause", ["place", "pack"])
def test_a_job_that_no_worker_can_do_fails_with_the_cause(
    cause: str, samples: Path, tmp_path: Path, broker_url: str
) -> None:
    submitted = {"HEADCOUNT_MODEL": str(tmp_path / "no-pack")} if cause == "pack" else {}
    cluster = Cluster(samples, tmp_path, broker_url, **submitted)
    settings = {"HEADCOUNT_REFUSAL_SECONDS": "2"}
    if cause == "place":
        settings["HEADCOUNT_ALLOWED_URIS"] = str(tmp_path / "elsewhere")
    with (
        fake_worker(broker_url, tmp_path / "1.log", **settings),
        fake_worker(broker_url, tmp_path / "2.log", **settings),
    ):
        until(lambda: len(Broker(broker_url).workers()) == 2)
        ended = cluster.start("supervise", "--once")
        _, errors = ended.communicate(timeout=100)
    assert ended.returncode == 1, errors
    said = {"place": "HEADCOUNT_ALLOWED_URIS", "pack": "no-pack"}[cause]
    message = status(cluster)["finished"]["message"]
    assert message.startswith("no live worker can do prepare")
    assert said in message
    refused = sum((tmp_path / f"{n}.log").read_text().count(" refused: ") for n in (1, 2))
    assert refused == 4
    assert cluster.attempts() == 0


def test_a_worker_that_looks_in_another_place_refuses_and_writes_nothing_there(
    tmp_path: Path, broker_url: str
) -> None:
    broker = Broker(broker_url)
    uri = (tmp_path / "archive").as_uri() + "/"
    with fake_worker(broker_url, tmp_path / "worker.log"):
        broker.send(UnitMessage(archive=uri, job_id="j1", unit="prepare"))
        until(lambda: broker.heartbeats("j1", ["prepare"]))
        beat = broker.heartbeats("j1", ["prepare"])["prepare"]
    assert beat["state"] == "refused"
    assert "there is no job" in beat["cause"]
    assert not (tmp_path / "archive").exists()


def test_a_message_of_another_version_is_refused_and_not_dropped(
    tmp_path: Path, broker_url: str
) -> None:
    broker = Broker(broker_url)
    message = foreign.message("headcount.embed", foreign.OURS | {"version": 2})
    with fake_worker(broker_url, tmp_path / "worker.log") as worker:
        until(broker.workers)
        broker._redis.lpush("embed", json.dumps(message))
        until(lambda: broker.heartbeats("j1", ["prepare"]))
        beat = broker.heartbeats("j1", ["prepare"])["prepare"]
        assert (beat["state"], beat["kind"]) == ("refused", "version")
        time.sleep(1)
        assert worker.poll() is None


def test_sixty_kinds_of_foreign_bytes_end_no_worker_and_each_is_counted(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path
) -> None:
    [port] = free_ports(1)
    cluster, broker = Cluster(samples, tmp_path, broker_url), Broker(broker_url)
    kinds = foreign.kinds()
    for number, raw in enumerate(kinds):
        (broker._redis.lpush if number % 2 else broker._redis.rpush)("embed", raw)
        broker._redis.hset("unacked", f"foreign-{number}", raw)
        broker._redis.zadd("unacked_index", {f"foreign-{number}": 0})
    log = tmp_path / "worker.log"
    quick = {"FAKE_ENGINE_SECONDS": "0", "HEADCOUNT_REFUSAL_SECONDS": "2"}
    with fake_worker(broker_url, log, metrics_port=port, **quick) as worker:
        supervisor = cluster.start("supervise", "--once")
        _, errors = supervisor.communicate(timeout=100)
        assert supervisor.returncode == 0, errors
        until(lambda: broker.queue_lengths()["embed"] == 0)
        assert worker.poll() is None, log.read_text()
        counted = [
            float(line.rsplit(" ", 1)[1])
            for line in get(port, "/metrics")[1].splitlines()
            if line.startswith("headcount_foreign_messages_total{")
        ]
    assert sum(counted) == len(kinds)
    assert len(counted) == 3
    assert all(counted)
    assert broker._redis.llen("embed.foreign") == len(kinds)
    assert "Traceback" not in log.read_text()
    cluster.same_results(calm)


def test_pages_answer_whatever_lies_in_the_broker(tmp_path: Path, broker_url: str) -> None:
    broker = Broker(broker_url)
    for raw in foreign.kinds():
        broker._redis.rpush("embed", raw)
        broker._redis.hset("unacked", secrets.token_hex(4), raw)
        broker._redis.set(f"headcount:worker:{secrets.token_hex(4)}", raw)
    states = broker.queue_states()
    assert (states["embed"].waiting, states["embed"].in_hand) == (len(foreign.kinds()), 0)
    assert len(broker.workers()) == len([raw for raw in foreign.kinds() if raw])
    assert not any(worker.refusal for worker in broker.workers())
    assert broker.waiting("no-such-job") == broker.take_back("no-such-job") == set()
    assert broker.heartbeats("j1", ["prepare"]) == {}
