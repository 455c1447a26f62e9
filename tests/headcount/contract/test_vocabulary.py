from headcount.contract.record import now
from headcount.contract.vocabulary import new_job_id


def test_job_ids_are_unique_and_sort_by_time() -> None:
    first, second = new_job_id(now().replace(year=2025)), new_job_id(now().replace(year=2026))
    assert first < second
    assert new_job_id(now()) != new_job_id(now())
