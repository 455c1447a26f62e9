"""A cluster of plain processes: supervisors, and workers with an engine of known cost."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from headcount.contract.layout import JobKeys
from headcount.storage import Store, open_store
from orchestrator.commands.status import read_status
from orchestrator.local.servers import embedded_broker
from tests.running import comparable, environment, headcount, start, summary, table
from tests.servers import S3Server
from tests.shared import Facts, made_once, server, shared_folder

Settings = dict[str, str]

LATENCY = "0.1"
PHOTOS = 60
TABLES = ("photos", "faces", "people", "clusters")


def copies_of_one(samples: Path, folder: Path, number: int = PHOTOS) -> Path:
    """``number`` photos that show the same and are not the same file."""
    folder.mkdir(parents=True)
    content = (samples / "photos" / "address.jpg").read_bytes()
    for n in range(number):
        (folder / f"{n:03d}.jpg").write_bytes(content + f"copy {n}".encode())
    return folder


@contextmanager
def fake_worker(
    broker_url: str,
    log: Path,
    *,
    module: str = "tests.integration.fake_engine",
    queues: str = "embed,reduce",
    metrics_port: int | None = None,
    **extra: str,
) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "HEADCOUNT_BROKER_URL": broker_url,
        "HEADCOUNT_THREADS": "1",
        "FAKE_ENGINE_SECONDS": LATENCY,
    }
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", module, "--queues", queues),
                *(("--metrics-port", str(metrics_port)) if metrics_port else ()),
            ],
            stderr=stderr,
            env=environment(**(settings | extra)),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


class Cluster:
    """An archive with one job submitted to it, and the broker it goes through."""

    def __init__(
        self,
        samples: Path,
        folder: Path,
        broker_url: str,
        *,
        archive: Path | None = None,
        uri: str | None = None,
        **settings: str,
    ) -> None:
        self.photos = copies_of_one(samples, folder / "photos")
        self.out = folder / "out"
        self.archive = archive or folder / "archive"
        self.settings = {
            "HEADCOUNT_BROKER_URL": broker_url,
            "HEADCOUNT_ARCHIVE": uri or str(self.archive),
            "HEADCOUNT_SHARD_PHOTOS": "10",
            "HEADCOUNT_POLL_SECONDS": "0.1",
        } | settings
        self.job = self.submit(self.out)

    def submit(self, out: Path, *more: str) -> str:
        """One more job over the same photos; gives its id."""
        sent = self.run("submit", str(self.photos), "--out", str(out), "--annotate", "0", *more)
        assert sent.returncode == 0, sent.stderr
        return sent.stdout.strip()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return headcount(*arguments, **self.settings)

    @property
    def store(self) -> Store:
        return open_store(str(self.archive))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(*arguments, **self.settings)

    def state(self) -> str:
        return str(read_status(self.store, self.job)["state"])

    def done(self) -> list[Path]:
        folder = self.archive / JobKeys(self.job).done_folder
        return sorted(folder.glob("embed-*.json"))

    def attempts(self) -> int:
        return len(list((self.archive / JobKeys(self.job).root).glob("attempts/embed-*/*.json")))

    def one_outcome_each(self, out: Path | None = None) -> None:
        out = out or self.out
        rows = table(out, "photos")
        assert Counter(r["photo"] for r in rows) == Counter(p.name for p in self.photos.iterdir())
        assert sum(summary(out)["outcomes"].values()) == len(rows) == PHOTOS
        faces = [(r["photo"], r["face_id"]) for r in table(out, "faces")]
        assert len(faces) == len(set(faces)) >= PHOTOS

    def same_results(self, calm: Path) -> None:
        """What came out is what came out of the undisturbed run, whose results are ``calm``."""
        self.one_outcome_each()
        for name in TABLES:
            here, there = (comparable(table(out, name), "etag") for out in (self.out, calm))
            assert here == there, name


@pytest.fixture(scope="session")
def calm(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a cluster's job that nothing disturbed."""

    def make(folder: Path) -> None:
        with embedded_broker() as url:
            cluster = Cluster(samples, folder, url)
            with fake_worker(url, folder / "worker.log", FAKE_ENGINE_SECONDS="0"):
                ended = cluster.run("supervise", "--once")
        assert ended.returncode == 0, ended.stderr
        cluster.one_outcome_each()

    return made_once(shared_folder(tmp_path_factory) / "calm", make) / "out"


@contextmanager
def crew_facts(folder: Path) -> Iterator[Facts]:
    """A broker and a worker as their keeper runs them: the settings of who uses them."""
    log = folder / "worker.log"
    threads = str(os.cpu_count())
    with (
        server("s3", folder.parent) as facts,
        embedded_broker() as url,
        fake_worker(
            *(url, log),
            module="workers",
            HEADCOUNT_THREADS=threads,
            HEADCOUNT_REFUSAL_SECONDS="0",  # else a test of a bad pack would have others wait
            **S3Server(**facts).env(),
        ) as worker,
    ):
        yield {"HEADCOUNT_BROKER_URL": url, "HEADCOUNT_POLL_SECONDS": "0.1"}
        assert worker.poll() is None, log.read_text()


@pytest.fixture(scope="session")
def crew_settings(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A broker and a worker for the whole run, as settings of a command that uses them."""
    with server("crew", shared_folder(tmp_path_factory)) as facts:
        yield facts


@pytest.fixture(scope="module")
def crew(request: pytest.FixtureRequest, crew_settings: Settings) -> Iterator[None]:
    """The module's ``headcount`` gives its work to the session's worker: none has to be started."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(request.module, "headcount", partial(headcount, **crew_settings))
        yield
