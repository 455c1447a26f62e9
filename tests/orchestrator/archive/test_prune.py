"""Nights that come and go: what stays, what may be undone, and who is still forgotten."""

import io
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headcount.answers.kept import record_answer
from headcount.assignments import history
from headcount.assignments.checks.kept import read_checks, write_check
from headcount.collections.photos import collection_id
from headcount.contract.forgotten import ForgettingRecord
from headcount.contract.inventory import ARCHIVE, place_of
from headcount.contract.layout import FORGETTING, PRUNING, ROLLBACK, JobKeys, PackKeys, ScheduleKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.archive import PruningRecord, RollbackRecord
from headcount.contract.stored.jobs import JobSpec, ScheduledRunRecord, ScheduleRecord
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError, TransientError
from headcount.jobs import control
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.tables.table import Table
from orchestrator.archive.catalogue import job_ids, unfinished_jobs
from orchestrator.archive.prune import prune
from orchestrator.archive.pruning_mark import PruningMark
from orchestrator.archive.retention import Retention, read_facts
from orchestrator.archive.rollback import roll_back
from orchestrator.people.forget.run import forget
from orchestrator.people.latest_assignments import active_pack, find_faces, marks, read_latest
from orchestrator.schedules.schedule import Scheduler
from tests.at_once import add, begin, end
from tests.headcount.assignments.checks.made import check, item, judged

S3, NONE = S3Settings(), timedelta(0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return add(tmp_path / "photos", one="ada bob", two="ada cleo")


def night(photos: Path, archive: Path, number: int, **new: str) -> JobSpec:
    """A night's job with new photos; its results lie in the archive."""
    add(photos, **new)
    store = open_store(str(archive))
    spec = begin(photos, archive, f"{number:03}", out=store.uri + f"nights/home/d{number:03}/")
    end(spec)
    return spec


def nights(photos: Path, archive: Path, last: int) -> None:
    for number in range(1, last + 1):
        night(photos, archive, number, **{f"n{number}": f"person{number} ada"})


def keep(store: Store, jobs: int, *, dry: bool = False) -> dict[str, int]:
    return prune(store, Retention(jobs=jobs), S3, dry=dry, by_hand=True, grace=NONE)


def keys_of(store: Store) -> list[str]:
    return [info.key for info in store.list()]


def pack_of(store: Store) -> PackKeys:
    return PackKeys(active_pack(store).pack_id)


def versions(store: Store, name: str = "faces") -> int:
    table = Table(store.uri, getattr(pack_of(store), name), S3)
    return len(table.opened().versions())


def test_what_is_older_goes_and_what_is_kept_may_be_rolled_back_to(
    photos: Path, archive: Path, store: Store
) -> None:
    nights(photos, archive, 4)
    of, keys = collection_id(photos.as_uri() + "/"), pack_of(store)
    before = {job: history.read_assignments(store, keys, of, job) for job in ("003", "004")}
    told = keep(store, 2, dry=True)
    assert (versions(store), told["jobs"]) == (5, 2)
    removed = keep(store, 2)
    assert {name: removed[name] for name in ("jobs", "versions")} == {
        name: told[name] for name in ("jobs", "versions")
    }
    left = keys_of(store)
    assert {key.split("/")[1] for key in left if key.startswith("jobs/")} == {"003", "004"}
    assert {key.split("/")[2] for key in left if key.startswith("nights/")} == {"d003", "d004"}
    assert history.job_ids(store, keys.assignment_folder(of)) == ["003", "004"]
    assert [key for key in left if place_of(key, ARCHIVE) is None] == []
    assert PRUNING not in left
    assert versions(store) == 2
    assert keep(store, 2) == {}
    with pytest.raises(FatalError, match=r"no version .*a `prune` or `forget` since"):
        roll_back(store, "002", S3)
    assert roll_back(store, "003", S3) == ["004"]
    assert history.read_assignments(store, keys, of, "003") == before["003"]
    night(photos, archive, 5)
    assert len(history.read_assignments(store, keys, of, "005")) == len(before["004"])


def test_unsigned_checks_go_with_their_job_and_signed_ones_stay(
    photos: Path, tmp_path: Path
) -> None:
    nights(photos, tmp_path / "archive", 3)
    store = open_store(str(tmp_path / "archive"))
    write_check(store, check(item(1), id="unsigned", job_id="001"))
    write_check(store, judged(0, 2, id="signed", job_id="001"))
    write_check(store, check(item(1), id="under way", job_id="003"))
    assert keep(store, 1)["checks"] == 1
    assert sorted(one.id for one in read_checks(store)) == ["signed", "under way"]


def test_the_number_of_files_and_their_size_stop_growing(
    photos: Path, archive: Path, store: Store
) -> None:
    nights(photos, archive, 2)
    keep(store, 1)
    then = len(keys_of(store))
    for number in range(3, 6):
        night(photos, archive, number)  # nothing new
        keep(store, 1)
    assert len(keys_of(store)) <= then + 3  # lines of the audit log, one each


def test_what_became_of_a_cluster_is_told_however_long_ago(
    tmp_path: Path, archive: Path, store: Store
) -> None:
    photos = add(tmp_path / "photos", one="ada", two="ada~0.1")
    night(photos, archive, 1)
    [latest] = read_latest(store)
    lost, other = latest.assignments["cluster_id"].to_pylist()
    a, b = (marks(store, find_faces(store, cluster), S3, best=1) for cluster in (lost, other))
    sides = [a[0].model_copy(update={"side": 0}), b[0].model_copy(update={"side": 1})]
    record_answer(store, "same", tuple(sides))
    for number in range(2, 4):
        night(photos, archive, number)
        keep(store, 1)
    of = collection_id(photos.as_uri() + "/")
    assert history.job_ids(store, pack_of(store).lineages(of)) == [history.EARLIER, "003"]
    alive = {c for one in read_latest(store) for c in one.assignments["cluster_id"].to_pylist()}
    gone = {lost, other} - alive
    assert len(gone) == 1
    assert find_faces(store, gone.pop()).cluster_id in alive


def test_a_cluster_that_was_named_keeps_the_job_that_says_who_is_in_it(
    photos: Path, archive: Path, store: Store
) -> None:
    night(photos, archive, 1)
    [latest] = read_latest(store)
    cluster = latest.assignments["cluster_id"][0].as_py()
    selected = find_faces(store, cluster)
    record_answer(
        store,
        "name",
        marks(store, selected, S3, best=1),
        person=(person_id("Ada"), "Ada"),
        source=latest.uri,
        cluster=cluster,
        job_id="001",
    )
    for number in range(2, 4):
        night(photos, archive, number, **{f"n{number}": "zoe"})
        keep(store, 1)
    of, keys = collection_id(photos.as_uri() + "/"), pack_of(store)
    assert history.job_ids(store, keys.assignment_folder(of)) == ["001", "003"]
    receipt = forget(store, "Ada", S3)
    assert receipt.removed["faces"] == len(selected.face_ids) == 2
    for info in store.list():
        data = store.get(info.key).data
        if info.key.endswith(".parquet"):  # its pages are packed
            data += str(pq.read_table(io.BytesIO(data), use_threads=False).to_pylist()).encode()
        assert not any(face.encode() in data for face in selected.face_ids), info.key


def test_jobs_that_have_not_ended_and_failed_ones_of_late_are_left_alone(
    photos: Path, archive: Path, store: Store, tmp_path: Path
) -> None:
    other = add(tmp_path / "other", x="eve")
    paused, failed = begin(other, archive, "000"), begin(photos, archive, "0001")
    control.stop(store, paused.job_id, "paused")
    control.stop(store, failed.job_id, "cancelled")
    nights(photos, archive, 3)
    held = versions(store)
    before = keys_of(store)
    keep(store, 1)
    left = keys_of(store)
    assert JobKeys("000").spec in left
    assert JobKeys("0001").control not in left  # later jobs took in its photos
    assert versions(store) == held  # rows of the paused job may have been staged for any
    assert len(left) < len(before)
    control.let_go_on(store, "000")
    assert end(paused).state == "done"
    keep(store, 1)
    assert versions(store) < held


def test_results_elsewhere_keep_the_spec_by_which_they_are_found(
    photos: Path, archive: Path, store: Store, tmp_path: Path
) -> None:
    outside = str(tmp_path / "elsewhere")
    for number, out in (("a", outside), ("b", outside), ("c", None)):
        end(begin(photos, archive, number, out=out and open_store(out).uri))
    nights(photos, archive, 2)
    keep(store, 1)
    specs = [key for key in keys_of(store) if key.endswith("spec.json")]
    assert specs == [JobKeys(job).spec for job in ("002", "b", "c")]
    assert (tmp_path / "elsewhere" / "faces.parquet").exists()


@pytest.mark.parametrize("key", [ROLLBACK, FORGETTING])
def test_it_waits_for_whoever_changes_the_archive(
    photos: Path, archive: Path, store: Store, key: str
) -> None:
    nights(photos, archive, 2)
    rolled = RollbackRecord(job_id="001", at=now())
    record = rolled if key == ROLLBACK else ForgettingRecord(person_id="p", at=now())
    store.put(key, record.to_bytes())
    before = keys_of(store)
    with pytest.raises((FatalError, TransientError), match=r"rollback|forgotten"):
        keep(store, 1)
    assert keys_of(store) == before


def test_a_job_that_begins_and_ends_beside_it_loses_nothing(
    photos: Path, archive: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights(photos, archive, 3)
    facts = read_facts(store)
    night(photos, archive, 4, n4="person4 ada")
    monkeypatch.setattr("orchestrator.archive.prune.read_facts", lambda _: facts)
    of, keys = collection_id(photos.as_uri() + "/"), pack_of(store)
    lineages = history.job_ids(store, keys.lineages(of))
    assert keep(store, 1)["jobs"] == 2
    assert history.job_ids(store, keys.assignment_folder(of)) == ["003", "004"]
    assert set(history.job_ids(store, keys.lineages(of))) - {history.EARLIER} == {
        job_id for job_id in lineages if job_id in ("003", "004")
    }
    assert roll_back(store, "003", S3) == ["004"]


def test_the_last_run_of_a_schedule_is_not_begun_again(
    photos: Path, archive: Path, store: Store
) -> None:
    nights(photos, archive, 4)
    spec = read_record(store, JobKeys("002").spec, JobSpec)
    source = spec.model_dump(include={"photos", "people", "expected", "model", "archives"})
    monthly = {"name": "monthly", "cron": "0 2 1 * *", "timezone": "UTC", "created": now()}
    schedule = ScheduleRecord.model_validate(source | {"archive": store.uri} | monthly)
    store.put(ScheduleKeys("monthly").record, schedule.to_bytes())
    for number in (1, 2):
        run = ScheduledRunRecord(
            schedule="monthly",
            number=number,
            label=f"d{number}",
            due=now(),
            began=now(),
            job_id=f"{number:03}",
            out=spec.out,
        )
        store.put(ScheduleKeys("monthly").run(number), run.to_bytes())
    assert keep(store, 1)["jobs"] == 2
    assert job_ids(store) == ["002", "004"]
    assert Scheduler(store, settings=Settings(), s3=S3).look() == []
    assert job_ids(store) == ["002", "004"]
    assert unfinished_jobs(store) == []


def test_nobody_rolls_back_or_forgets_while_it_is_at_work(
    photos: Path, archive: Path, store: Store
) -> None:
    nights(photos, archive, 2)
    PruningMark(store).take()
    with pytest.raises(TransientError, match="being pruned"):
        roll_back(store, "001", S3)
    with pytest.raises(TransientError, match="being pruned"):
        forget_somebody(store)
    mark = PruningRecord(at=now(), host="elsewhere", pid=1, token="other", count=1)
    store.put(PRUNING, mark.to_bytes())
    PruningMark(store).take(patience=0.05, pause=0.01)  # it gave no sign: it was killed


def forget_somebody(store: Store) -> None:
    [latest] = read_latest(store)
    face = latest.assignments["face_id"][0].as_py()
    found = marks(store, find_faces(store, face), S3)
    record_answer(store, "name", found, person=(person_id("Ada"), "Ada"))
    forget(store, "Ada", S3)


class Killed(BaseException):
    pass


class Mortal:
    """A store that dies at its n-th removal."""

    def __init__(self, store: Store, lives: int) -> None:
        self._store, self.lives = store, lives

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def delete(self, key: str) -> None:
        if key != PRUNING:
            self.lives -= 1
        if self.lives < 0:
            raise Killed
        self._store.delete(key)


def test_wherever_it_is_killed_the_archive_works_and_a_repeat_ends_it(
    photos: Path, archive: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PruningMark.take.__kwdefaults__, "patience", 0.05)
    nights(photos, archive, 3)
    of, keys = collection_id(photos.as_uri() + "/"), pack_of(store)
    said = history.read_assignments(store, keys, of, "003")
    for lives in (0, 1, 9, 17, 3):
        with pytest.raises(Killed):
            prune(Mortal(store, lives), Retention(jobs=1), S3, grace=NONE)  # type: ignore[arg-type]
        with pytest.raises(TransientError, match="headcount prune"):
            roll_back(store, "003", S3)
        assert [one.job_id for one in read_latest(store)] == ["003"]
        assert history.read_assignments(store, keys, of, "003") == said
    night(photos, archive, 4)
    assert history.read_assignments(store, keys, of, "004") == said
    keep(store, 1)
    jobs = {key.split("/")[1] for key in keys_of(store) if key.startswith("jobs/")}
    assert jobs == {"004"}
    assert keep(store, 1) == {}


def test_a_job_prunes_at_its_end_where_a_retention_is_set(
    photos: Path, archive: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADCOUNT_KEEP_JOBS", "2")
    nights(photos, archive, 3)
    jobs = {key.split("/")[1] for key in keys_of(store) if key.startswith("jobs/")}
    assert jobs == {"002", "003"}
