"""A store that answers 503, late, by half, or not at all: the results are those of a good one."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from headcount.contract.layout import shard_name
from headcount.storage import open_store
from tests.clusters import copies_of_one, fake_worker
from tests.faulty_proxy import Fault, FaultyProxy
from tests.running import comparable, headcount, table
from tests.servers import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PHOTOS = 12
AWAY_SECONDS = 4.0


class Trouble:
    """Every few requests something is wrong; once the store is away altogether for a while."""

    kinds = ("unavailable", "lost", "cut", "slow")

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._away_until: float | None = None

    def __call__(self, method: str, path: str) -> Fault:
        with self._lock:
            number, moment = next(self._numbers), time.monotonic()
            if self._away_until is None and method == "PUT" and f"/done/{shard_name(1)}" in path:
                self._away_until = moment + AWAY_SECONDS
            if self._away_until and moment < self._away_until:
                return "unavailable"
        turn, late = divmod(number, 11)
        return "fine" if late else self.kinds[turn % len(self.kinds)]


def fetch_results(uri: str, server: S3Server, folder: Path) -> Path:
    folder.mkdir()
    store = open_store(uri, server.settings())
    for name in ("photos", "faces", "clusters"):
        (folder / f"{name}.parquet").write_bytes(store.get(f"{name}.parquet").data)
    return folder


def take_roll(
    bucket: str, server: S3Server, endpoint: str, broker_url: str, folder: Path
) -> tuple[Path, str]:
    """A job over the bucket's photos through ``endpoint``; gives its results and what was said."""
    name = folder.name
    settings = server.env() | {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "HEADCOUNT_BROKER_URL": broker_url,
        "HEADCOUNT_ARCHIVE": f"s3://{bucket}/archive-{name}/",
        "HEADCOUNT_SHARD_PHOTOS": "4",
        "HEADCOUNT_POLL_SECONDS": "0.1",
        "HEADCOUNT_LOST_SECONDS": "10",
    }
    folder.mkdir()
    out = f"s3://{bucket}/out-{name}/"
    for _ in range(5):  # a person whose command met the trouble calls it again
        arguments = (f"s3://{bucket}/photos/", "--out", out, "--annotate", "0")
        sent = headcount("submit", *arguments, **settings)
        if sent.returncode == 0:
            break
    assert sent.returncode == 0, sent.stderr
    with fake_worker(broker_url, folder / "worker.log", **settings, FAKE_ENGINE_SECONDS="0.02"):
        ended = headcount("supervise", "--once", "--every", "1", **settings)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    return fetch_results(out, server, folder / "results"), ended.stderr


def test_results_are_those_of_a_store_without_faults(
    samples: Path, tmp_path: Path, s3: S3Server, broker_url: str
) -> None:
    bucket = s3.make_bucket()
    store = open_store(f"s3://{bucket}/photos/", s3.settings())
    for path in copies_of_one(samples, tmp_path / "photos", PHOTOS).iterdir():
        store.put(path.name, path.read_bytes())
    good, _ = take_roll(bucket, s3, s3.endpoint, broker_url, tmp_path / "good")
    with FaultyProxy(s3.endpoint, Trouble()).running() as proxy:
        bad, said = take_roll(bucket, s3, proxy.endpoint, broker_url, tmp_path / "bad")
    assert all(proxy.suffered[kind] > 3 for kind in Trouble.kinds), proxy.suffered
    assert len(table(bad, "photos")) == PHOTOS, said
    for name in ("photos", "faces", "clusters"):
        assert comparable(table(bad, name)) == comparable(table(good, name))
