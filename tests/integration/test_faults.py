"""What is killed, sent twice or broken, and that every photo still has one outcome."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from headcount.broker.client import Broker
from headcount.broker.connect import TIMEOUT_SECONDS
from headcount.contract.layout import PREPARE, REDUCE, JobKeys, shard_name
from headcount.contract.messages import UnitMessage
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.local import servers as embedded
from orchestrator.local.servers import WorkerPool, worker_pool
from tests.clusters import Cluster, fake_worker, until
from tests.integration.deadly_worker import GREEDY, GROUP, HUNGRY, KILLS, REFUSED, SEGFAULTS
from tests.running import comparable, headcount, start, summary, table, worker_processes
from tests.servers import Valkey, memory_group, small_disk

pytestmark = pytest.mark.integration

QUICK = {"poll_seconds": 0.1, "lost_seconds": 3.0}
MINUTE = 60
SHARDS = 6
"""Of a cluster's job: its photos by ten."""


def copies(samples: Path, folder: Path, number: int) -> Path:
    """``number`` photos in ``folder``, none of them quite like another."""
    folder.mkdir(parents=True)
    originals = sorted((samples / "photos").iterdir())
    for n in range(number):
        original = originals[n % len(originals)]
        content = original.read_bytes() + f"copy {n}".encode()
        (folder / f"{n:03d}{original.suffix}").write_bytes(content)
    return folder


def job(photos: Path, samples: Path, out: Path, **settings: object) -> tuple[JobSpec, Settings]:
    made = Settings(**(QUICK | settings))  # type: ignore[arg-type]
    spec = make_spec(
        photos=str(photos),
        people=str(samples / "people"),
        archive=str(out / "archive"),
        out=str(out),
        settings=made,
        annotate=0,
    )
    return spec, made


def supervise(
    spec: JobSpec, settings: Settings, url: str, tick: Callable[[], None] = lambda: None
) -> Supervisor:
    store = submit(spec, S3Settings())
    supervisor = Supervisor(
        store, spec.job_id, broker=Broker(url), settings=settings, s3=S3Settings(), tick=tick
    )
    supervisor.run()
    return supervisor


def one_outcome_each(photos: Path, out: Path) -> None:
    rows = table(out, "photos")
    assert Counter(row["photo"] for row in rows) == Counter(p.name for p in photos.iterdir())
    counted = sum(summary(out)["outcomes"].values())
    assert counted == summary(out)["photos"] == len(rows)


def kill_worker_in_shard(out: Path, pid: int, attempt: int) -> None:
    """kill -9 the worker once it has begun its ``attempt``-th attempt at the first shard."""
    pattern = f"archive/jobs/*/attempts/{shard_name(0)}/{attempt:04d}.json"
    for _ in range(600):
        workers = worker_processes(pid)
        if list(out.glob(pattern)) and workers:
            time.sleep(0.5)  # in the middle of the shard
            workers[0].send_signal(signal.SIGKILL)
            return
        time.sleep(0.05)
    raise AssertionError(f"attempt {attempt} never began")


def test_a_worker_killed_twice_mid_shard_loses_no_photo_and_doubles_none(
    samples: Path, tmp_path: Path
) -> None:
    photos, out = copies(samples, tmp_path / "photos", 30), tmp_path / "out"
    wishes = ("run", str(photos), "--people", str(samples / "people"), "--annotate", "0", "--out")
    slowly = {"HEADCOUNT_THREADS": "1", "HEADCOUNT_LOST_SECONDS": "3"}
    process = start(*wishes, str(out), **slowly)
    kill_worker_in_shard(out, process.pid, 1)
    kill_worker_in_shard(out, process.pid, 2)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "sending it again" in errors
    one_outcome_each(photos, out)
    undisturbed = tmp_path / "undisturbed"
    assert headcount(*wishes, str(undisturbed)).returncode == 0
    for name in ("photos", "faces", "people", "clusters"):
        assert comparable(table(out, name)) == comparable(table(undisturbed, name))


def test_photos_that_bring_their_worker_down_are_crashed_and_their_neighbours_are_done(
    samples: Path, tmp_path: Path, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RAPID_DEATHS", 9)  # two deaths that accuse nobody, two for each
    photos, out = copies(samples, tmp_path / "photos", 6), tmp_path / "out"
    (photos / "killed.jpg").write_bytes(KILLS)
    (photos / "segfault.jpg").write_bytes(SEGFAULTS)
    spec, settings = job(photos, samples, out)
    with worker_pool(1, broker_url, {}, module="tests.integration.deadly_worker") as pool:
        supervise(spec, settings, broker_url, pool.check)
        assert pool.deaths == 6
    one_outcome_each(photos, out)
    outcomes = {row["photo"]: row["outcome"] for row in table(out, "photos")}
    assert outcomes.pop("killed.jpg") == outcomes.pop("segfault.jpg") == "crashed"
    assert set(outcomes.values()) <= {"faces", "no_face"}


def test_photos_that_models_or_memory_cannot_take_fail_alone(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    photos, out = copies(samples, tmp_path / "photos", 4), tmp_path / "out"
    (photos / "odd.jpg").write_bytes(REFUSED)
    (photos / "huge.jpg").write_bytes(GREEDY)
    spec, settings = job(photos, samples, out)
    with worker_pool(1, broker_url, {}, module="tests.integration.deadly_worker") as pool:
        supervise(spec, settings, broker_url, pool.check)
        assert pool.deaths == 0
    one_outcome_each(photos, out)
    rows = {row["photo"]: (row["outcome"], row["reason"]) for row in table(out, "photos")}
    assert rows.pop("odd.jpg") == ("crashed", "inference failed")
    assert rows.pop("huge.jpg") == ("crashed", "too little memory to work on it")
    assert {outcome for outcome, _ in rows.values()} <= {"faces", "no_face"}


@pytest.mark.slow
def test_a_photo_for_which_the_kernel_kills_its_worker_when_memory_ends_is_crashed_alone(
    samples: Path, tmp_path: Path, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RAPID_DEATHS", 9)
    photos, out = copies(samples, tmp_path / "photos", 3), tmp_path / "out"
    (photos / "hungry.jpg").write_bytes(HUNGRY)
    spec, settings = job(photos, samples, out)
    deadly = "tests.integration.deadly_worker"
    with (
        memory_group(1 << 30) as group,
        worker_pool(1, broker_url, {GROUP: str(group)}, module=deadly) as pool,
    ):
        supervise(spec, settings, broker_url, pool.check)
        assert pool.deaths == 4
    one_outcome_each(photos, out)
    outcomes = {row["photo"]: row["outcome"] for row in table(out, "photos")}
    assert outcomes.pop("hungry.jpg") == "crashed"
    assert set(outcomes.values()) <= {"faces", "no_face"}


def test_a_shard_delivered_twice_late_and_to_two_workers_at_once_changes_no_result(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    photos, out = copies(samples, tmp_path / "photos", 20), tmp_path / "out"
    spec, settings = job(photos, samples, out, shard_photos=5)
    broker, shards = Broker(broker_url), [shard_name(number) for number in range(4)]

    def also_send(*units: str) -> None:
        for unit in units:
            broker.send(UnitMessage(archive=spec.archive, job_id=spec.job_id, unit=unit))

    sent: list[bool] = []

    def tick_with(pool: WorkerPool) -> None:
        pool.check()
        planned = (out / "archive" / JobKeys(spec.job_id).plan).exists()
        if planned and not sent:
            sent.append(True)
            also_send(*shards)

    with worker_pool(2, broker_url, {"HEADCOUNT_THREADS": "1"}) as pool:
        supervise(spec, settings, broker_url, lambda: tick_with(pool))
        assert sent
        one_outcome_each(photos, out)
        faces = [(r["photo"], r["face_id"]) for r in table(out, "faces")]
        assert len(faces) == len(set(faces)) > 20
        until(lambda: drained(broker))
        before = contents(out)
        also_send(PREPARE, *shards, REDUCE)  # what a broker kept is delivered after the job's end
        until(lambda: drained(broker))
    assert contents(out) == before


def drained(broker: Broker) -> bool:
    return not any(state.waiting + state.in_hand for state in broker.queue_states().values())


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder, archive and results alike."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_supervisor_that_is_stopped_and_started_again_does_only_the_rest(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    photos, out = copies(samples, tmp_path / "photos", 20), tmp_path / "out"
    spec, settings = job(photos, samples, out, shard_photos=5, window=1)
    keys = JobKeys(spec.job_id)

    class Stop(Exception):
        pass

    with worker_pool(1, broker_url, {}) as pool:

        def stop_after_two() -> None:
            pool.check()
            if (out / "archive" / keys.done(shard_name(1))).exists():
                raise Stop

        with pytest.raises(Stop):
            supervise(spec, settings, broker_url, stop_after_two)
        store = open_store(spec.archive)
        first = read_record(store, keys.done(shard_name(0)), DoneMarker)
        again = Supervisor(
            store,
            spec.job_id,
            broker=Broker(broker_url),
            settings=settings,
            s3=S3Settings(),
            tick=pool.check,
        )
        assert again.run().state == "done"
    assert read_record(store, keys.done(shard_name(0)), DoneMarker) == first
    one_outcome_each(photos, out)


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(samples: Path, tmp_path: Path) -> None:
    photos, out = copies(samples, tmp_path / "photos", 20), tmp_path / "out"
    arguments = ("run", str(photos), "--annotate", "0", "--out", str(out))
    process = start(*arguments, HEADCOUNT_SHARD_PHOTOS="4", HEADCOUNT_WINDOW="1")
    done = f"archive/jobs/*/done/{shard_name(1)}.json"
    while not list(out.glob(done)):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 1
    ended = headcount(*arguments, HEADCOUNT_SHARD_PHOTOS="4")
    assert ended.returncode == 0, ended.stderr
    assert "going on with job" in ended.stderr
    assert len(list((out / "archive/jobs").iterdir())) == 1
    one_outcome_each(photos, out)


def test_a_broker_that_hangs_and_one_that_dies_and_comes_back_empty_lose_no_result(
    samples: Path, tmp_path: Path, calm: Path
) -> None:
    with Valkey(tmp_path / "valkey").running() as valkey:
        cluster = Cluster(samples, tmp_path, valkey.url, HEADCOUNT_LOST_SECONDS="3")
        with (
            fake_worker(valkey.url, tmp_path / "busy.log", queues="embed") as busy,
            fake_worker(valkey.url, tmp_path / "idle.log", queues="reduce") as idle,
        ):
            supervisor = cluster.start("supervise", "--once")
            until(lambda: len(cluster.done()) >= 1)
            with valkey.frozen():
                time.sleep(TIMEOUT_SECONDS + 4)
            until(lambda: len(cluster.done()) >= 3)
            valkey.kill()
            time.sleep(3)  # for as long everybody is refused
            valkey.start()
            _, errors = supervisor.communicate(timeout=150)
            assert busy.poll() is idle.poll() is None, "they outlive their broker"
    assert supervisor.returncode == 0, errors
    assert "Timeout" in errors
    assert "Traceback" not in errors
    cluster.same_results(calm)


@pytest.mark.slow
@pytest.mark.parametrize("away", ["frozen", "refusing"])
def test_a_broker_that_is_away_for_a_whole_minute_loses_no_result(
    away: str, samples: Path, tmp_path: Path, calm: Path
) -> None:
    with Valkey(tmp_path / "valkey").running() as valkey:
        cluster = Cluster(samples, tmp_path, valkey.url, HEADCOUNT_LOST_SECONDS="3")
        with fake_worker(valkey.url, tmp_path / "worker.log") as worker:
            supervisor = cluster.start("supervise", "--once")
            until(lambda: len(cluster.done()) >= 1)
            with valkey.frozen() if away == "frozen" else valkey.stopped():
                time.sleep(MINUTE)
                assert len(cluster.done()) < SHARDS, "the job ended without its broker"
                assert supervisor.poll() is worker.poll() is None, "they outlive their broker"
            _, errors = supervisor.communicate(timeout=150)
            assert worker.poll() is None, "it outlives its broker"
    assert supervisor.returncode == 0, errors
    assert "Traceback" not in errors
    cluster.same_results(calm)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_full_in_the_middle_of_a_job_and_is_freed_loses_no_result(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        small = {"archive": disk / "archive", "HEADCOUNT_LOST_SECONDS": "3"}
        cluster = Cluster(samples, tmp_path, broker_url, **small)
        with fake_worker(broker_url, tmp_path / "worker.log"):
            supervisor = cluster.start("supervise", "--once")
            until(lambda: len(cluster.done()) >= 1)
            ballast = fill(disk)
            _, errors = supervisor.communicate(timeout=100)
            assert supervisor.returncode == 1
            until(lambda: "disk full" in (tmp_path / "worker.log").read_text())
            assert "disk full" in errors
            assert "Traceback" not in errors
            ballast.unlink()
            resumed = cluster.run("resume", cluster.job)
        assert resumed.returncode == 0, resumed.stderr
        cluster.same_results(calm)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_supervisor_that_could_not_write_a_failure_down_goes_on_once_the_disk_has_room(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        settings = {"HEADCOUNT_LOST_SECONDS": "3", "HEADCOUNT_LEASE_SECONDS": "3"}
        cluster = Cluster(samples, tmp_path, broker_url, archive=disk / "archive", **settings)
        with fake_worker(broker_url, tmp_path / "worker.log"):
            service = cluster.start("supervise", "--every", "1")
            until(lambda: len(cluster.done()) >= 1)
            ballast = fill(disk)
            until(lambda: "disk full" in (tmp_path / "worker.log").read_text())
            time.sleep(2)  # until the supervisor has seen it too
            ballast.unlink()
            if cluster.state() == "failed":  # a worker cleared so much away that it was written
                assert cluster.run("resume", cluster.job).returncode == 0
            # A worker that could write nothing takes one message a minute.
            until(lambda: cluster.state() == "done", 180)
            service.send_signal(signal.SIGTERM)
            _, errors = service.communicate(timeout=60)
        assert service.returncode == 0, errors
        assert "Traceback" not in errors
        cluster.same_results(calm)


def fill(disk: Path) -> Path:
    """A file that leaves no room on the disk."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_workers_whose_clocks_are_hours_apart_change_no_result(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    with ExitStack() as stack:
        for hours in (-8, 8):  # beyond the time after which a message counts as lost
            skewed = {"module": "tests.integration.skewed_worker", "HOURS_AHEAD": str(hours)}
            stack.enter_context(fake_worker(broker_url, tmp_path / f"{hours}.log", **skewed))
        until(lambda: Broker(broker_url).worker_count() == 2)
        ended = cluster.run("supervise", "--once")
    assert ended.returncode == 0, ended.stderr
    assert all("done" in (tmp_path / f"{hours}.log").read_text() for hours in (-8, 8))
    cluster.same_results(calm)


def test_an_archive_moved_away_in_the_middle_is_said_plainly(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("run", str(samples / "photos"), "--out", str(out))
    assert headcount(*arguments).returncode == 0
    shutil.rmtree(out / "archive" / "packs")
    ended = headcount(*arguments)
    assert ended.returncode in (0, 1)
    assert "Traceback" not in ended.stderr
