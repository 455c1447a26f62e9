"""The list of places has every key that headcount makes."""

import inspect
from collections.abc import Iterator

import pytest

from headcount.contract import inventory, layout, results
from headcount.contract.forgotten import tombstone_key
from headcount.contract.inventory import place_of
from headcount.contract.layout import JobKeys, LeaseKeys, PackKeys, ScheduleKeys
from headcount.contract.marks import MARKS

SAMPLES = {"unit": "embed-0000001", "label": "2026-01-01", "collection": "c", "job_id": "j"}


def keys_of(made: object) -> Iterator[str]:
    """All keys that an object's properties and methods make; folders are not kept."""
    for name, member in inspect.getmembers(type(made)):
        if isinstance(member, property):
            yield getattr(made, name)
        elif inspect.isfunction(member) and not name.startswith("_"):
            wanted = list(inspect.signature(member).parameters)[1:]
            yield getattr(made, name)(*(SAMPLES.get(one, 1) for one in wanted))


@pytest.mark.parametrize(
    "made", [JobKeys("j"), PackKeys("p"), ScheduleKeys("s"), LeaseKeys("l")], ids=repr
)
def test_every_key_of_the_layout_is_in_one_place(made: object) -> None:
    keys = [key for key in keys_of(made) if not key.endswith("/")]
    assert keys
    for key in keys:
        below = f"{key}/data/1" if key.endswith(".lance") else key
        assert [place.has(below) for place in inventory.ARCHIVE].count(True) == 1, key


def test_so_is_every_key_beside_them() -> None:
    keys = [value for name, value in vars(layout).items() if name.isupper()]
    single = [key for key in keys if key.endswith(".json")]
    assert {"archive.json", "forgetting.json", "rollback.json"} <= set(single)
    single += [tombstone_key("p1"), layout.commit_key("c")]
    assert [key for key in single if place_of(key, inventory.ARCHIVE) is None] == []
    beside = [results.DIFF, results.SUMMARY, results.REPORT, MARKS, results.annotated_key("a/b")]
    assert [key for key in beside if place_of(key, inventory.RESULTS) is None] == []


@pytest.mark.parametrize("key", ["jobs/j/spec.json.bak", "xarchive.json", "jobs/j/new/1", "a"])
def test_a_key_of_no_place_has_none(key: str) -> None:
    assert place_of(key, inventory.ARCHIVE) is None
