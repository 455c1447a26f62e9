"""A store that asks before it is written to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headcount.errors import FatalError, ObjectMissing
from headcount.storage.memory import MemoryStore
from workers.runtime import fenced_store
from workers.runtime.fenced_store import FencedStore

Write = Callable[[FencedStore, Path], object]

WRITES: dict[str, Write] = {
    "put": lambda store, _: store.put("new", b"data"),
    "put_new": lambda store, _: store.put_new("new", b"data"),
    "put_file": lambda store, file: store.put_file("new", file),
    "delete": lambda store, _: store.delete("old"),
}


class Fence:
    """Counts who asks, and refuses once it is shut."""

    def __init__(self) -> None:
        self.asked = 0
        self.shut = False

    def __call__(self) -> None:
        self.asked += 1
        if self.shut:
            raise FatalError("another has taken over")


@pytest.fixture
def inner() -> MemoryStore:
    store = MemoryStore()
    store.put("old", b"kept")
    return store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    return path


@pytest.mark.parametrize("name", list(WRITES))
def test_a_write_asks_first_and_is_done(name: str, inner: MemoryStore, file: Path) -> None:
    fence = Fence()
    WRITES[name](FencedStore(fence, inner), file)
    assert fence.asked == 1
    assert [info.key for info in inner.list()] == ([] if name == "delete" else ["new", "old"])


@pytest.mark.parametrize("name", list(WRITES))
def test_a_write_behind_a_shut_fence_changes_nothing(
    name: str, inner: MemoryStore, file: Path
) -> None:
    fence = Fence()
    fence.shut = True
    with pytest.raises(FatalError, match="taken over"):
        WRITES[name](FencedStore(fence, inner), file)
    assert [(i.key, inner.get(i.key).data) for i in inner.list()] == [("old", b"kept")]


def test_an_answer_holds_for_a_moment_and_a_refusal_never(
    inner: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence = Fence()
    store = FencedStore(fence, inner)
    store.put("one", b"")
    store.put("two", b"")
    assert fence.asked == 1
    monkeypatch.setattr(fenced_store, "CONFIRMED_SECONDS", 0.0)
    fence.shut = True
    for times in (2, 3):
        with pytest.raises(FatalError):
            store.put("three", b"")
        assert fence.asked == times


def test_reading_asks_nobody(inner: MemoryStore) -> None:
    fence = Fence()
    fence.shut = True
    store = FencedStore(fence, inner)
    assert store.get("old").data == b"kept"
    assert store.get_range("old", 1, 2) == b"ep"
    assert store.stat("old").size == 4
    assert [info.key for info in store.list()] == ["old"]
    with pytest.raises(ObjectMissing):
        store.get("new")
    assert fence.asked == 0
