from pathlib import Path

import pytest

from headcount.storage.memory import MemoryStore
from workers.runtime import fenced_store
from workers.runtime.fenced_store import FencedStore


class Fence:
    """Counts how often it is asked, and refuses once it is closed."""

    def __init__(self) -> None:
        self.asked, self.closed = 0, False

    def confirm(self) -> None:
        self.asked += 1
        if self.closed:
            raise PermissionError


def test_nothing_is_written_or_removed_once_it_is_refused_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fenced_store, "CONFIRMED_SECONDS", 0.0)
    (tmp_path / "file").write_bytes(b"file")
    fence, inner = Fence(), MemoryStore()
    store = FencedStore(fence.confirm, inner)
    store.put("a", b"first")
    fence.closed = True
    for write in (
        lambda: store.put("a", b"second"),
        lambda: store.put_new("b", b""),
        lambda: store.put_file("c", tmp_path / "file"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(PermissionError):
            write()
    assert [info.key for info in store.list()] == ["a"]
    assert store.get("a").data == b"first"
    assert store.get_range("a", 1, 3) == b"irs"
    assert store.stat("a").size == 5


def test_a_confirmation_holds_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]
    monkeypatch.setattr(fenced_store.time, "monotonic", lambda: moment[0])
    fence = Fence()
    store = FencedStore(fence.confirm, MemoryStore())
    for number in range(3):
        store.put(str(number), b"")
    assert fence.asked == 1
    moment[0] += fenced_store.CONFIRMED_SECONDS
    store.put("3", b"")
    assert fence.asked == 2
