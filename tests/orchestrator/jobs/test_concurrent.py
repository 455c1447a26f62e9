import threading

from orchestrator.jobs.concurrent import AGAIN_SECONDS, JOBS_AT_ONCE, ConcurrentJobs, Tick


def test_jobs_are_driven_at_the_same_time_and_the_worst_ending_counts() -> None:
    together, asked_again = threading.Barrier(3), threading.Event()

    def drive(job_id: str, _: Tick) -> int:
        together.wait(20)  # passes only where all three are there at once
        asked_again.wait(20)
        return {"a": 0, "b": 1, "c": 0}[job_id]

    concurrent = ConcurrentJobs(drive)
    concurrent.begin(["a", "b", "c"])
    concurrent.begin(["a"])  # is being driven already
    asked_again.set()
    while concurrent.running():
        concurrent.wait(0.1)
    assert concurrent.worst == 1


def test_stopping_reaches_every_job_at_its_next_tick() -> None:
    started, left = threading.Event(), []

    def drive(job_id: str, tick: Tick) -> int:
        try:
            while True:
                started.set()
                tick()
        finally:
            left.append(job_id)

    concurrent = ConcurrentJobs(drive)
    concurrent.begin(["a"])
    started.wait(20)
    concurrent.stop()
    assert left == ["a"]
    assert not concurrent.running()


def test_a_job_that_failed_without_an_end_waits_before_it_is_driven_again() -> None:
    moment, driven = [0.0], []

    def drive(job_id: str, _: Tick) -> int | None:
        driven.append(job_id)
        return {"failed": 1, "left": None}[job_id]

    concurrent = ConcurrentJobs(drive, clock=lambda: moment[0])

    def begin() -> list[str]:
        driven.clear()
        concurrent.begin(["failed", "left"])
        while concurrent.running():
            concurrent.wait(0.1)
        return sorted(driven)

    assert begin() == ["failed", "left"]
    assert begin() == ["left"]
    moment[0] += AGAIN_SECONDS
    assert begin() == ["failed", "left"]
    assert concurrent.worst == 1


def test_a_job_that_was_done_stays_done_though_a_further_look_at_it_was_in_vain() -> None:
    codes: dict[str, list[int | None]] = {
        "done": [0, None],
        "left": [None, None],
        "late": [None, 0],
    }
    concurrent = ConcurrentJobs(lambda job_id, _: codes[job_id].pop(0))

    def worst_of(*job_ids: str) -> int:
        for _ in range(2):
            concurrent.begin(job_ids)
            while concurrent.running():
                concurrent.wait(0.1)
        return concurrent.worst

    assert worst_of("done", "late") == 0
    assert worst_of("left") == 1


def test_a_failure_is_worse_than_photos_that_could_not_be_processed() -> None:
    codes = {"good": 0, "photos": 3, "failed": 1}
    concurrent = ConcurrentJobs(lambda job_id, _: codes[job_id])
    for job_id, worst in (("good", 0), ("photos", 3), ("failed", 1)):
        concurrent.begin([job_id])
        while concurrent.running():
            concurrent.wait(0.1)
        assert concurrent.worst == worst


def test_jobs_for_which_there_is_no_room_are_given_back_and_driven_later() -> None:
    enough, driven = threading.Event(), []

    def drive(job_id: str, _: Tick) -> int:
        driven.append(job_id)
        enough.wait(20)
        return 0

    jobs = [str(number) for number in range(JOBS_AT_ONCE + 2)]
    concurrent = ConcurrentJobs(drive)
    left = concurrent.begin(jobs)
    assert left == jobs[JOBS_AT_ONCE:]
    enough.set()
    while concurrent.running():
        concurrent.wait(0.1)
    assert concurrent.begin(left) == []
    while concurrent.running():
        concurrent.wait(0.1)
    assert sorted(driven) == sorted(jobs)
