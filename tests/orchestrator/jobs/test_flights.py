"""Units in flight: heartbeats, silence and the time at which a unit counts as lost."""

from headcount.broker.client import RELEASED
from orchestrator.jobs.flights import MARKER_CHECK_SECONDS, NEVER, Flights

WORKING = {"state": "working", "number": 1, "photos": 7}


def test_a_heartbeat_that_is_read_a_second_time_is_silence() -> None:
    flight = Flights().begin("prepare", 0.0)
    assert not flight.hear(None, 1.0)
    assert flight.hear(WORKING, 2.0)
    assert not flight.hear(dict(WORKING), 3.0)
    assert flight.hear(WORKING | {"number": 2}, 4.0)
    assert flight.last_heard == 4.0


def test_photos_in_hand_add_up_until_their_unit_ends() -> None:
    flights = Flights()
    for number, unit in enumerate(("embed-0000000", "embed-0000001")):
        flights.begin(unit, 0.0).hear(WORKING | {"number": number}, 1.0)
    assert flights.photos == 14
    flights.end("embed-0000000")
    assert (flights.photos, list(flights)) == (7, ["embed-0000001"])


def test_a_marker_is_looked_for_when_a_heartbeat_says_so_and_now_and_then_without() -> None:
    flight = Flights().begin("prepare", 0.0)
    assert not flight.may_be_done(1.0)
    assert flight.may_be_done(MARKER_CHECK_SECONDS)
    assert not flight.may_be_done(MARKER_CHECK_SECONDS + 1)
    for number, state in enumerate(("done", "failed")):
        flight.hear({"state": state, "number": number}, 21.0)
        assert flight.may_be_done(22.0)


def test_a_unit_is_released_only_where_its_worker_says_so() -> None:
    flight = Flights().begin("prepare", 0.0)
    assert not flight.released
    flight.hear(WORKING, 1.0)
    assert not flight.released
    flight.hear({"state": RELEASED, "number": 2}, 2.0)
    assert flight.released


def test_a_unit_is_overdue_after_its_patience_and_an_outage_counts_for_nobody_but_the_unsent() -> (
    None
):
    flights = Flights()
    flights.begin("sent", 100.0)
    flights.begin("unsent", 100.0).last_heard = NEVER
    assert flights.overdue(flights, 110.0, patience=10.0) == ["unsent"]
    assert flights.overdue(flights, 110.1, patience=10.0) == ["sent", "unsent"]
    flights.excuse_silence(60.0)
    assert flights.overdue(flights, 170.0, patience=10.0) == ["unsent"]
    assert flights.overdue(["sent"], 170.1, patience=10.0) == ["sent"]


def test_a_unit_that_no_worker_had_was_not_lost_with_one() -> None:
    flights = Flights()
    for unit in ("embed-0000000", "embed-0000001"):
        flights.begin(unit, 0.0)
    flights["embed-0000001"].hear({"state": "working", "count": 1}, 1.0)
    assert [flights.lose(unit) for unit in list(flights)] == [False, True]
    assert (flights.resent, flights.lost_in_hand) == (2, 1)


def test_of_the_photos_that_take_long_the_longest_is_told() -> None:
    flights = Flights()
    assert flights.slow is None
    for number, seconds in enumerate((70, 300, 90)):
        slow = {"worker": f"w{number}", "photo": f"{number}.jpg", "seconds": seconds}
        flights.begin(f"embed-{number}", 0.0).hear(WORKING | {"slow": slow}, 1.0)
    flights.begin("embed-3", 0.0).hear(WORKING, 1.0)
    assert flights.slow is not None
    assert (flights.slow.worker, flights.slow.photo, flights.slow.seconds) == ("w1", "1.jpg", 300)
    flights.end("embed-1")
    assert flights.slow.photo == "2.jpg"


def test_the_units_in_hand_are_told_with_their_workers() -> None:
    flights = Flights()
    for number in range(4):
        flights.begin(f"embed-{number}", 10.0)
    assert flights.in_hand(10.0) == ()
    flights["embed-1"].hear(WORKING | {"worker": "host-1", "photos": 7}, 20.0)
    flights["embed-2"].hear(WORKING | {"worker": "host-2", "state": "done"}, 20.0)
    flights["embed-3"].hear(WORKING | {"worker": "host-2"}, 30.0)
    held = [unit.model_dump() for unit in flights.in_hand(50.0)]
    assert held == [
        {"unit": "embed-1", "worker": "host-1", "photos": 7, "seconds": 30, "silent": 30},
        {"unit": "embed-3", "worker": "host-2", "photos": 7, "seconds": 20, "silent": 20},
    ]
