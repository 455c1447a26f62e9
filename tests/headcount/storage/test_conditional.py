"""A trial of conditional writes."""

import pytest

from headcount.errors import FatalError, TransientError
from headcount.storage import conditional
from headcount.storage.conditional import require_conditional_writes
from headcount.storage.memory import MemoryStore


class Heedless(MemoryStore):
    """A store that writes whatever the condition says, as JuiceFS' gateway does."""

    def put_new(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True


class Hiccup(MemoryStore):
    """A store that fails at first."""

    failures = 2

    def put_new(self, key: str, data: bytes) -> bool:
        if self.failures:
            self.failures -= 1
            self.put(key, data)
            raise TransientError("the answer was lost")
        return super().put_new(key, data)


def test_a_store_that_has_them_is_left_as_it_was() -> None:
    store = MemoryStore()
    require_conditional_writes(store, "probes/")
    assert list(store.list()) == []


def test_a_store_that_ignores_the_condition_is_refused_in_words() -> None:
    store = Heedless()
    with pytest.raises(FatalError, match=r"If-None-Match.*ignores the condition"):
        require_conditional_writes(store, "probes/")
    assert list(store.list()) == []


def test_a_hiccup_is_tried_again_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "PAUSES", (0.0, 0.0, 0.0))
    store = Hiccup()
    require_conditional_writes(store, "probes/")
    assert store.failures == 0
