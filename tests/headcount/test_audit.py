"""The audit log: every line kept, in order, without names."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from headcount import audit
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
