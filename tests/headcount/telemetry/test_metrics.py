"""Metrics: what a scrape says of a worker and of a supervisor."""

import sys
import urllib.error
import urllib.request

import pytest

from headcount.broker.client import QueueState
from headcount.broker.presence import WorkerState
from headcount.broker.queues import QUEUES
from headcount.contract.record import now
from headcount.contract.stored.jobs import DoneMarker, ProgressRecord
from headcount.contract.stored.workers import WorkerRefusal
from headcount.contract.vocabulary import Outcome
from headcount.errors import FatalError, TransientError
from headcount.telemetry.collectors import BeatMetrics, CardMemory, Night
from headcount.telemetry.endpoint import Endpoint, Page, said
from headcount.telemetry.metrics import ENDS, JOB_ENDS, Board, WorkerMetrics

MARKER = DoneMarker(
    unit="embed-0000000",
    attempt=1,
    worker="w",
    seconds=12.0,
    photos=5,
    faces=7,
    bytes=100,
    outcomes={"faces": 4, "unreadable": 1},
    stages={"fetch": 1.5, "decode": 3.0},
)


def value(text: bytes, line: str) -> float:
    """The value of one line of Prometheus' text."""
    found = [each for each in text.decode().splitlines() if each.startswith(line + " ")]
    assert found, f"no {line}"
    return float(found[0].rsplit(" ", 1)[1])


def test_a_worker_counts_what_its_markers_say() -> None:
    metrics = WorkerMetrics()
    for _ in range(3):
        metrics.begins()
    metrics.done("embed", MARKER)
    metrics.done("reduce", MARKER)
    metrics.ends("embed", "retried")
    text = metrics.text()
    assert value(text, 'headcount_photos_total{outcome="unreadable"}') == 1
    assert value(text, "headcount_faces_total") == 7
    assert value(text, 'headcount_stage_seconds_total{stage="decode"}') == 6
    assert value(text, 'headcount_units_total{end="retried",unit="embed"}') == 1
    assert value(text, 'headcount_unit_seconds_sum{unit="embed"}') == 12
    assert value(text, "headcount_worker_busy") == 0


def test_series_that_are_known_are_there_before_the_first_count() -> None:
    metrics = WorkerMetrics()
    text = metrics.text()
    for name in (
        'headcount_units_total{end="done",unit="embed"}',
        'headcount_photos_total{outcome="faces"}',
        'headcount_refusals_total{cause="store"}',
        'headcount_foreign_messages_total{kind="bytes"}',
    ):
        assert value(text, name) == 0
    metrics.refused("store")
    metrics.foreign("bytes")
    assert value(metrics.text(), 'headcount_refusals_total{cause="store"}') == 1
    assert value(metrics.text(), 'headcount_foreign_messages_total{kind="bytes"}') == 1


def test_a_unit_counts_as_in_hand_while_it_is_in_flight_and_was_taken() -> None:
    def in_hand(in_flight: int, state: QueueState) -> float:
        board = Board(lambda: {"embed": state}, list)
        board.progress(
            ProgressRecord(job_id="j1", stage="embed", updated=now(), shards_in_flight=in_flight)
        )
        return value(board.text(), 'headcount_queue_units{queue="embed",state="in_hand"}')

    killed = QueueState(waiting=0, in_hand=0, oldest_seconds=0.0, delivered=1)
    assert in_hand(0, killed) == 0
    assert in_hand(1, killed) == 1
    assert in_hand(3, QueueState(waiting=2, in_hand=1, oldest_seconds=0.0, delivered=2)) == 1


def test_a_supervisor_shows_the_jobs_it_drives_and_no_others() -> None:
    refusal = WorkerRefusal(worker="b", cause="its key is wrong", kind="store")
    workers = [WorkerState("a"), WorkerState("b", refusal=refusal)]
    board = Board(lambda: {"embed": QueueState(3, 2, 41.5)}, lambda: workers)
    board.progress(
        ProgressRecord(job_id="j1", stage="embed", updated=now(), photos_total=10, photos_done=4)
    )
    text = board.text()
    assert value(text, 'headcount_queue_units{queue="embed",state="in_hand"}') == 2
    assert value(text, 'headcount_queue_oldest_seconds{queue="embed"}') == 41.5
    assert value(text, "headcount_workers") == 2
    assert value(text, "headcount_workers_refusing") == 1
    assert value(text, 'headcount_job_photos_done{job_id="j1"}') == 4
    board.end("j1", "done")
    assert b'job_id="j1"' not in board.text()
    assert value(board.text(), 'headcount_jobs_total{end="done"}') == 1


def test_a_broker_that_is_away_is_a_metric_not_an_error() -> None:
    def away() -> dict[str, QueueState]:
        raise TransientError("broker: refused")

    assert value(Board(away, list).text(), "headcount_broker_up") == 0


def test_a_counter_is_there_with_zero_before_it_has_counted_anything() -> None:
    fresh = WorkerMetrics().text()
    for outcome in Outcome:
        assert value(fresh, f'headcount_photos_total{{outcome="{outcome.value}"}}') == 0
    for kind in QUEUES:
        for end in ENDS:
            assert value(fresh, f'headcount_units_total{{end="{end}",unit="{kind}"}}') == 0
        assert value(fresh, f'headcount_unit_seconds_count{{unit="{kind}"}}') == 0
    board = board_of(QueueState(0, 0, 0.0)).text()
    for end in JOB_ENDS:
        assert value(board, f'headcount_jobs_total{{end="{end}"}}') == 0
    assert value(board, "headcount_last_failed_timestamp_seconds") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_each_process_says_what_memory_and_cpu_it_takes() -> None:
    for text in (
        WorkerMetrics().text(),
        board_of(QueueState(0, 0, 0.0)).text(),
        BeatMetrics(lambda: None).text(),
    ):
        assert value(text, "process_resident_memory_bytes") > 1e6
        assert value(text, "process_cpu_seconds_total") > 0
        assert value(text, "process_open_fds") > 0


def test_a_worker_shows_the_memory_of_its_gpu() -> None:
    text = WorkerMetrics(lambda: [CardMemory("0", used=7, total=80)]).text()
    assert value(text, 'headcount_gpu_memory_used_bytes{gpu="0"}') == 7
    assert value(text, 'headcount_gpu_memory_bytes{gpu="0"}') == 80


def test_a_store_is_away_from_the_first_question_that_it_did_not_answer() -> None:
    moment = [100.0]
    board = Board(lambda: {}, list, clock=lambda: moment[0])
    assert value(board.text(), "headcount_store_away_seconds") == 0
    for _ in range(2):
        with pytest.raises(TransientError), board.asking_store():
            moment[0] += 30
            raise TransientError("store: refused")
    assert value(board.text(), "headcount_store_away_seconds") == 60
    with board.asking_store():
        moment[0] += 5
        assert value(board.text(), "headcount_store_away_seconds") == 65  # it may hang
    moment[0] += 1000
    assert value(board.text(), "headcount_store_away_seconds") == 0


def test_a_supervisor_shows_when_a_job_failed_and_the_next_night_is_due() -> None:
    board, moment = board_of(QueueState(0, 0, 0.0)), now()
    board.last_failed = moment
    board.nights = {"home": Night(moment, failed=True), "never": Night(None, failed=False)}
    text = board.text()
    stamp = pytest.approx(moment.timestamp())
    assert value(text, "headcount_last_failed_timestamp_seconds") == stamp
    assert value(text, 'headcount_night_due_timestamp_seconds{schedule="home"}') == stamp
    assert value(text, 'headcount_night_failed{schedule="home"}') == 1
    assert value(text, 'headcount_night_failed{schedule="never"}') == 0
    board.end("j1", "failed")
    assert value(board.text(), "headcount_last_failed_timestamp_seconds") > moment.timestamp()


def test_a_beat_shows_when_it_last_looked_and_nothing_while_in_reserve() -> None:
    assert value(BeatMetrics(lambda: 12.0).text(), "headcount_beat_ticked_timestamp_seconds") == 12
    assert b"\nheadcount_beat_ticked" not in BeatMetrics(lambda: None).text()


def board_of(state: QueueState) -> Board:
    return Board(lambda: {"embed": state}, list)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_endpoint_answers_its_pages() -> None:
    def trouble() -> Page:
        raise TransientError("broker: away")

    def defect() -> Page:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")

    pages = {"/healthz": lambda: said(True, "fine"), "/readyz": trouble, "/metrics": defect}
    endpoint = Endpoint("127.0.0.1", 0, pages)
    try:
        assert get(endpoint.port, "/healthz") == (200, "fine\n")
        assert get(endpoint.port, "/readyz?verbose") == (503, "broker: away\n")
        assert get(endpoint.port, "/metrics")[0] == 500
        assert get(endpoint.port, "/../etc/passwd")[0] == 404
        with pytest.raises(FatalError, match="another --metrics-port"):
            Endpoint("127.0.0.1", endpoint.port, {})
    finally:
        endpoint.close()
