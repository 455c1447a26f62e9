import threading

from headcount.contract.layout import JobKeys
from headcount.contract.stored.jobs import SuspectRecord
from headcount.jobs import attempts
from headcount.storage.memory import MemoryStore

KEYS = JobKeys("job")
UNIT = "embed-0000000"


def suspect(store: MemoryStore, number: int, photo: str) -> None:
    store.put(KEYS.suspect(UNIT, number), SuspectRecord(photo=photo).to_bytes())


def test_attempts_are_numbered_from_one_and_each_unit_has_its_own() -> None:
    store = MemoryStore()
    assert [attempts.claim(store, KEYS, UNIT, "w") for _ in range(3)] == [1, 2, 3]
    assert attempts.claim(store, KEYS, "reduce", "w") == 1
    assert attempts.count(store, KEYS, UNIT) == 3


def test_workers_that_claim_at_once_get_different_numbers() -> None:
    store = MemoryStore()
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.append(attempts.claim(store, KEYS, UNIT, "w")))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 17))


def test_a_photo_is_convicted_by_two_attempts_that_died_on_it_not_by_one() -> None:
    store = MemoryStore()
    suspect(store, 3, "a.jpg")
    assert attempts.convicted(store, KEYS, UNIT, 3) == frozenset()
    suspect(store, 4, "b.jpg")
    assert attempts.convicted(store, KEYS, UNIT, 4) == frozenset()
    suspect(store, 5, "a.jpg")
    assert attempts.convicted(store, KEYS, UNIT, 5) == {"a.jpg"}


def test_attempts_end_at_the_maximum_and_those_that_convicted_a_photo_do_not_count() -> None:
    store = MemoryStore()
    assert attempts.allowed(store, KEYS, UNIT, 5, maximum=6)
    assert not attempts.allowed(store, KEYS, UNIT, 6, maximum=6)
    suspect(store, 3, "a.jpg")
    suspect(store, 4, "a.jpg")
    assert attempts.allowed(store, KEYS, UNIT, 6, maximum=6)
    assert not attempts.allowed(store, KEYS, UNIT, 8, maximum=6)
