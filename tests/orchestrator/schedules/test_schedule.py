"""Nights: due once, never two at once, the latest missed one caught up, and their end told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headcount.contract.layout import JobKeys, ScheduleKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import (
    FinishedRecord,
    JobSpec,
    ScheduledRunRecord,
    ScheduleRecord,
)
from headcount.errors import FatalError, TransientError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from orchestrator.schedules.schedule import (
    Scheduler,
    add_schedule,
    moments,
    remove_schedule,
    scheduled_runs,
    schedules,
    states,
)

MADE = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Nightly:
    """An archive with the schedule ``home`` at 02:00 in Zurich, and a clock that tests set."""

    def __init__(self, folder: Path) -> None:
        self.photos = folder / "photos"
        self.photos.mkdir()
        (self.photos / "a.jpg").write_bytes(b"a")
        self.store = open_store(canonical_uri(str(folder / "archive")))
        self.told: list[dict[str, object]] = []
        self.deaf = False
        self.moment = MADE
        add_schedule(self.store, self.schedule("home"))

    def schedule(self, name: str) -> ScheduleRecord:
        return ScheduleRecord(
            name=name,
            created=MADE,
            cron="0 2 * * *",
            timezone="Europe/Zurich",
            photos=canonical_uri(str(self.photos)),
            archive=self.store.uri,
            model="embedded",
        )

    def scheduler(self) -> Scheduler:
        def hook(body: dict[str, object]) -> None:
            if self.deaf:
                raise TransientError("the webhook did not take it")
            self.told.append(body)

        return Scheduler(
            self.store,
            settings=Settings(),
            s3=S3Settings(),
            hook=hook,
            clock=lambda: self.moment,
        )

    def look(self, moment: datetime) -> list[str]:
        self.moment = moment
        return [run.label for run in self.scheduler().look()]

    def end(self, state: str = "done") -> None:
        run = scheduled_runs(self.store, "home")[-1]
        record = FinishedRecord.model_validate(
            {"job_id": run.job_id, "state": state, "finished": self.moment, "out": run.out}
        )
        self.store.put(JobKeys(run.job_id).finished, record.to_bytes())


@pytest.fixture
def nightly(tmp_path: Path) -> Nightly:
    return Nightly(tmp_path)


def test_a_night_begins_when_it_is_due_and_once(nightly: Nightly) -> None:
    due = datetime(2026, 11, 25, 1, tzinfo=UTC)
    assert nightly.look(due - timedelta(seconds=1)) == []
    assert nightly.look(due) == ["2026-11-25"]
    assert nightly.look(due) == []
    nightly.end()
    assert nightly.look(due + timedelta(hours=1)) == []
    (run,) = scheduled_runs(nightly.store, "home")
    spec = read_record(nightly.store, JobKeys(run.job_id).spec, JobSpec)
    assert spec.out == run.out == nightly.store.uri + "nights/home/2026-11-25/"


def test_a_night_longer_than_a_day_is_not_overlapped_and_the_missed_ones_are_caught_up_once(
    nightly: Nightly,
) -> None:
    first = datetime(2026, 11, 25, 1, tzinfo=UTC)
    assert nightly.look(first) == ["2026-11-25"]
    for days in (1, 2, 3):
        assert nightly.look(first + days * DAY) == []
    nightly.end()
    assert nightly.look(first + 3.5 * DAY) == ["2026-11-28"]
    nightly.end()
    assert nightly.look(first + 3.6 * DAY) == []
    assert nightly.look(first + 4 * DAY) == ["2026-11-29"]


def test_two_supervisors_never_begin_the_same_night(nightly: Nightly) -> None:
    nightly.moment = datetime(2026, 11, 25, 1, tzinfo=UTC)
    schedule = schedules(nightly.store)[0]
    late = nightly.scheduler()
    assert nightly.scheduler().look()
    assert late._begin(schedule, None, nightly.moment) is None
    assert len(scheduled_runs(nightly.store, "home")) == 1


def test_a_supervisor_that_died_between_night_and_job_leaves_no_night_without_its_job(
    nightly: Nightly,
) -> None:
    nightly.look(datetime(2026, 11, 25, 1, tzinfo=UTC))
    (run,) = scheduled_runs(nightly.store, "home")
    nightly.store.delete(JobKeys(run.job_id).spec)
    nightly.look(datetime(2026, 11, 25, 2, tzinfo=UTC))
    assert read_record(nightly.store, JobKeys(run.job_id).spec, JobSpec).out == run.out


def test_run_now_begins_a_night_beside_the_clock_and_never_a_second_one(nightly: Nightly) -> None:
    run = nightly.scheduler().begin_now("home")
    assert run.label == "2026-11-24T130000"
    with pytest.raises(FatalError, match="never overlaps itself"):
        nightly.scheduler().begin_now("home")
    assert nightly.look(datetime(2026, 11, 25, 1, tzinfo=UTC)) == []
    nightly.end()
    assert nightly.look(datetime(2026, 11, 25, 3, tzinfo=UTC)) == ["2026-11-25"]


def test_photos_that_are_gone_are_a_failed_night_that_is_told(nightly: Nightly) -> None:
    (nightly.photos / "a.jpg").unlink()
    due = datetime(2026, 11, 25, 1, tzinfo=UTC)
    assert nightly.look(due) == ["2026-11-25"]
    nightly.look(due + timedelta(minutes=1))
    (told,) = nightly.told
    assert (told["event"], told["schedule"], told["night"]) == (
        "night.failed",
        "home",
        "2026-11-25",
    )
    assert "no photos found" in str(told["message"])
    assert nightly.look(due + DAY) == ["2026-11-26"]


def test_the_end_of_a_night_is_told_once_and_again_where_nobody_heard(nightly: Nightly) -> None:
    due = datetime(2026, 11, 25, 1, tzinfo=UTC)
    nightly.look(due)
    nightly.end()
    nightly.deaf = True
    nightly.look(due + timedelta(hours=1))
    assert nightly.told == []
    nightly.deaf = False
    for hours in (2, 3):
        nightly.look(due + timedelta(hours=hours))
    (told,) = nightly.told
    assert told["event"] == "night.done"
    assert told["diff"] == f"{nightly.store.uri}nights/home/2026-11-25/diff.json"


def test_every_night_ends_by_the_time_that_the_schedule_has_in_its_own_zone(
    nightly: Nightly,
) -> None:
    budget = {"until": "06:00", "worker_hours": 20.0}
    remove_schedule(nightly.store, "home")
    add_schedule(nightly.store, nightly.schedule("home").model_copy(update=budget))
    due = datetime(2026, 11, 25, 1, tzinfo=UTC)
    ends = []
    for days in range(2):
        assert nightly.look(due + days * DAY)
        run = scheduled_runs(nightly.store, "home")[-1]
        nightly.store.delete(JobKeys(run.job_id).spec)  # its supervisor died before it wrote that
        nightly.look(due + days * DAY + timedelta(hours=5))
        spec = read_record(nightly.store, JobKeys(run.job_id).spec, JobSpec)
        assert (spec.until, spec.worker_hours) == ("06:00", 20.0)
        ends.append(spec.ends)
        nightly.end()
    assert ends == [due + timedelta(hours=4), due + DAY + timedelta(hours=4)]


def test_schedules_live_in_the_archive(nightly: Nightly) -> None:
    assert moments(nightly.store, MADE) == {"home": datetime(2026, 11, 25, 1, tzinfo=UTC)}
    with pytest.raises(FatalError, match="already"):
        add_schedule(nightly.store, nightly.schedule("home"))
    add_schedule(nightly.store, nightly.schedule("away"))
    assert [s.name for s in schedules(nightly.store)] == ["away", "home"]
    assert [s["state"] for s in states(nightly.store)] == ["waiting", "waiting"]
    nightly.look(datetime(2026, 11, 25, 1, tzinfo=UTC))
    remove_schedule(nightly.store, "home")
    assert [s.name for s in schedules(nightly.store)] == ["away"]
    assert len(scheduled_runs(nightly.store, "home")) == 1
    with pytest.raises(FatalError, match="no schedule"):
        remove_schedule(nightly.store, "home")
    assert isinstance(scheduled_runs(nightly.store, "home")[0], ScheduledRunRecord)
    assert ScheduleKeys("home").run(1) == "schedules/home/nights/000001.json"
