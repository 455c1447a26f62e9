"""The audit log: every line kept, in order, without names."""

import hashlib
import secrets
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from headcount import audit
from headcount.contract.stored.archive import AuditRecord
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore


def test_lines_are_read_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_ACTOR", "ada")
    store = MemoryStore()
    moment = datetime(2026, 11, 25, 2, tzinfo=UTC)
    audit.record(store, "name", "p1", at=moment, cluster="c1")
    audit.record(store, "search", "photo", at=moment, matches=3)
    audit.record(store, "forget", "p1", at=datetime(2026, 11, 26, tzinfo=UTC))
    lines = list(audit.read(store))
    assert [line.action for line in lines][2] == "forget"
    assert {line.action for line in lines[:2]} == {"name", "search"}
    assert {line.actor for line in lines} == {"ada"}
    assert [line.action for line in audit.read(store, "2026-11-26")] == ["forget"]
    keys = [info.key for info in store.list("audit/")]
    assert all(store.get(key).data.count(b"\n") == 1 for key in keys)


def test_an_action_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        audit.record(MemoryStore(), "peek", "p1")


def test_without_a_setting_the_actor_is_account_and_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HEADCOUNT_ACTOR", raising=False)
    assert "@" in audit.actor()


def logged(*subjects: str) -> MemoryStore:
    """A log of this process alone; each with its own URI, by which its chain is known."""
    store = MemoryStore(f"memory://{secrets.token_hex(4)}/")
    for subject in subjects:
        audit.record(store, "search", subject)
    return store


def keys(store: MemoryStore) -> list[str]:
    return [info.key for info in store.list("audit/")]


def test_each_line_holds_the_sum_of_the_one_before() -> None:
    store = logged("a", "b", "c")
    lines = list(audit.read(store))
    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[0].before == audit.FIRST
    for key, line in zip(keys(store), lines[1:], strict=False):
        assert line.before == hashlib.sha256(store.get(key).data).hexdigest()
    assert audit.breaks(store) == []


def test_a_line_that_was_removed_or_put_in_is_missed_or_noticed() -> None:
    store = logged("a", "b", "c", "d")
    one, two, three, four = keys(store)
    kept = store.get(two).data
    store.delete(two)
    assert audit.breaks(store) == [three]
    forged = AuditRecord.from_bytes(kept.rstrip()).model_copy(update={"subject": "z"})
    store.put(two, forged.to_bytes())
    assert audit.breaks(store) == [three]
    store.put(two, kept)
    store.delete(one)
    assert audit.breaks(store) == [two]
    assert four in keys(store)


def test_a_changed_bit_of_any_line_is_noticed() -> None:
    store = logged("a", "b")
    for key in keys(store):
        good = store.get(key).data
        for place in range(0, 8 * (len(good) - 1), 7):
            bad = bytearray(good)
            bad[place // 8] ^= 1 << place % 8
            store.put(key, bytes(bad))
            assert key in audit.breaks(store), place
        store.put(key, good)


def test_lines_of_an_earlier_build_are_in_no_chain_and_stay_valid() -> None:
    store = MemoryStore("memory://earlier/")
    line = (
        b'{"version":1,"at":"2026-11-25T02:00:00Z","actor":"a","action":"search","subject":"p"}\n'
    )
    store.put("audit/2026-11-25/020000.000000-00000000.json", line)
    audit.record(store, "forget", "p1")
    assert [one.action for one in audit.read(store)] == ["search", "forget"]
    assert audit.breaks(store) == []


def test_what_only_reads_does_not_fail_where_it_may_not_write() -> None:
    class ReadOnly(MemoryStore):
        def put_new(self, key: str, data: bytes) -> bool:
            raise FatalError(f"{key}: access denied")

    assert not audit.record_reading(ReadOnly("memory://sealed/"), "export", "job")
    store = MemoryStore("memory://open/")
    assert audit.record_reading(store, "export", "job")
    assert [one.action for one in audit.read(store)] == ["export"]
