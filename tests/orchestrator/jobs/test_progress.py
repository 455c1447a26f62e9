"""Progress: totals, the rate, and snapshots that a store may refuse."""

from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, PlanRecord, ProgressRecord
from headcount.errors import TransientError
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.flights import Flights
from orchestrator.jobs.progress import Progress, Silent, Totals, photos_per_second
from tests.orchestrator.warned import Warned

KEYS = JobKeys("job")
PLAN = PlanRecord(
    photos=100,
    bytes=1,
    other_objects=0,
    new=100,
    changed=0,
    known=0,
    removed=0,
    shards=4,
    planned_photos=100,
    planned_bytes=1,
)


def marker(**outcomes: int) -> DoneMarker:
    return DoneMarker(
        unit="embed-0000000",
        attempt=1,
        worker="w",
        seconds=2,
        photos=sum(outcomes.values()),
        faces=3,
        outcomes=outcomes,
        stages={"decode": 0.5},
    )


def test_totals_are_the_sums_over_the_markers() -> None:
    totals = Totals()
    totals.add(marker(faces=3, no_face=2))
    totals.add(marker(faces=1, unreadable=1))
    assert totals == Totals(
        shards=2,
        photos=7,
        faces=6,
        outcomes={"faces": 4, "no_face": 2, "unreadable": 1},
        seconds=4.0,
        stages={"decode": 1.0},
    )


def test_a_rate_is_not_told_before_there_is_one() -> None:
    assert photos_per_second(0, 60) is None
    assert photos_per_second(60, 1) is None
    assert photos_per_second(60, 120) == 0.5


def test_a_snapshot_counts_photos_in_hand_and_never_more_than_are_planned() -> None:
    store, flights = MemoryStore(), Flights()
    progress = Progress(store, KEYS, Silent(), flights)
    progress.enter("embed")
    progress.count(marker(faces=60))
    flights.begin("embed-0000001", 0.0).hear({"photos": 10}, 1.0)
    progress.snapshot(PLAN, force=True)
    shown = read_record(store, KEYS.progress, ProgressRecord)
    assert (shown.stage, shown.photos_done, shown.photos_total) == ("embed", 70, 100)
    assert (shown.shards_done, shown.shards_in_flight, shown.shards_total) == (1, 1, 4)
    flights["embed-0000001"].hear({"photos": 90}, 2.0)
    progress.snapshot(PLAN, force=True)
    assert read_record(store, KEYS.progress, ProgressRecord).photos_done == 100


def test_a_snapshot_is_written_now_and_then_and_told_each_time() -> None:
    class Heard(Silent):
        told = 0

        def progress(self, snapshot: ProgressRecord) -> None:
            self.told += 1

    store, heard = MemoryStore(), Heard()
    progress = Progress(store, KEYS, heard, Flights())
    progress.enter("embed")
    store.delete(KEYS.progress)
    progress.snapshot(PLAN)
    assert heard.told == 2
    assert not list(store.list(KEYS.progress))


def test_a_store_that_refuses_a_snapshot_does_not_end_the_job() -> None:
    class Refuses(MemoryStore):
        def put(self, key: str, data: bytes) -> None:
            raise TransientError("full")

    warned = Warned()
    Progress(Refuses(), KEYS, warned, Flights()).enter("embed")
    assert warned.said == ["full"]
