"""Nights as alerts see them: the next due time that no run has, and whether the latest failed."""

from __future__ import annotations

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import FinishedRecord, ScheduleRecord
from headcount.storage import Store
from headcount.telemetry.collectors import Night
from orchestrator.schedules.schedule import cron_of, latest_run, schedules


def nights(store: Store) -> dict[str, Night]:
    """The night of each schedule of an archive, by name."""
    return {schedule.name: night_of(store, schedule) for schedule in schedules(store)}


def night_of(store: Store, schedule: ScheduleRecord) -> Night:
    """The first due time after the latest run's, and the end of that run.

    A run that is at work does not move the due time: one that takes longer than its schedule
    allows leaves nights out, which is worth an alert.
    """
    latest = latest_run(store, schedule.name)
    since = max(schedule.created, latest.due) if latest else schedule.created
    end = find_record(store, JobKeys(latest.job_id).finished, FinishedRecord) if latest else None
    return Night(cron_of(schedule).next(since), end is not None and end.state == "failed")
