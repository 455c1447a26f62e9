"""A job and a night, whole: over a failover of Sentinels, with users of few rights, over TLS."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from orchestrator.local.servers import embedded_broker
from tests.brokers import behind_tls, guarded, make_authority, with_users
from tests.clusters import Cluster, fake_worker, until
from tests.running import start
from tests.servers import Valkey

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROLES = ("worker", "supervisor", "beat")


def run_job_and_night(
    samples: Path,
    folder: Path,
    urls: dict[str, str],
    *,
    disturb: Callable[[], None] = lambda: None,
    **extra: str,
) -> None:
    """Run a job, disturbed when a shard is done, and a night that beat fires.

    The supervisor by itself would see the night minutes later.
    """
    cluster = Cluster(samples, folder, urls["supervisor"], **extra)
    with ExitStack() as stack:
        stack.enter_context(fake_worker(urls["worker"], folder / "worker.log", **extra))
        supervisor = begin(stack, "supervise", cluster, urls["supervisor"])
        until(cluster.done, 120)
        disturb()
        until(lambda: cluster.state() == "done", 180)
        cluster.one_outcome_each()
        added = cluster.run(
            *("schedule", "add", "home", str(cluster.photos), "--cron", "* * * * *"),
            *("--annotate", "0"),
        )
        assert added.returncode == 0, added.stderr
        beat = begin(stack, "beat", cluster, urls["beat"])
        until(lambda: night(cluster) == "done" or supervisor.poll() or beat.poll(), 100)
        assert (supervisor.poll(), beat.poll(), night(cluster)) == (None, None, "done")


def begin(stack: ExitStack, command: str, cluster: Cluster, url: str) -> subprocess.Popen[str]:
    process = start(command, **cluster.settings | {"HEADCOUNT_BROKER_URL": url})

    def end() -> None:
        process.kill()
        _, said = process.communicate(timeout=30)
        assert "Traceback" not in said, said

    stack.callback(end)
    return process


def night(cluster: Cluster) -> str:
    """The state of the schedule's last run."""
    listed = cluster.run("schedule", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    (one,) = json.loads(listed.stdout)
    return str(one["state"])


def behind_sentinels(samples: Path, folder: Path) -> None:
    with guarded(folder / "servers") as broker:
        urls = dict.fromkeys(ROLES, broker.url)
        run_job_and_night(samples, folder, urls, disturb=broker.kill_master)


def with_few_rights(samples: Path, folder: Path) -> None:
    with Valkey(folder / "valkey").running() as valkey:
        urls = with_users(valkey)
        run_job_and_night(samples, folder, urls)
        refused = redis.Redis.from_url(urls["admin"], decode_responses=True).acl_log()
        assert {entry["object"] for entry in refused} <= {"client|setinfo"}


def over_tls(samples: Path, folder: Path) -> None:
    broker, store = make_authority(folder), make_authority(folder, "store")
    with (
        embedded_broker() as plain,
        behind_tls(plain.removeprefix("redis+socket://"), broker) as port,
    ):
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={broker.with_suffix('.crt')}"
        urls = dict.fromkeys(ROLES, url)
        run_job_and_night(samples, folder, urls, SSL_CERT_FILE=str(store.with_suffix(".crt")))


Ran = dict[str, Future[None]]


@pytest.fixture(scope="module")
def ran(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """All three at once: each waits for a full minute most of the time."""
    with ThreadPoolExecutor() as pool:
        yield {
            run.__name__: pool.submit(run, samples, tmp_path_factory.mktemp(run.__name__))
            for run in (behind_sentinels, with_few_rights, over_tls)
        }


def test_a_failover_of_sentinels_in_the_middle_of_a_job(ran: Ran) -> None:
    ran["behind_sentinels"].result()


def test_users_with_exactly_the_documented_rights(ran: Ran) -> None:
    ran["with_few_rights"].result()


def test_tls_with_an_authority_of_its_own_beside_the_stores(ran: Ran) -> None:
    ran["over_tls"].result()
