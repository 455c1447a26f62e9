import numpy as np
import pytest

from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from workers.stages.exchange import read_arrays, write_arrays


def test_what_is_handed_on_arrives_as_it_was() -> None:
    store = MemoryStore()
    write_arrays(store, "a.npz", key=np.arange(3), half=np.ones((2, 4), np.float16))
    arrays = read_arrays(store, "a.npz")
    assert arrays["key"].tolist() == [0, 1, 2]
    assert arrays["half"].dtype == np.float16
    assert arrays["half"].shape == (2, 4)


@pytest.mark.parametrize("data", [b"", b"no such thing", b"PK\x03\x04 cut off"])
def test_what_was_damaged_says_what_to_do(data: bytes) -> None:
    store = MemoryStore()
    store.put("a.npz", data)
    with pytest.raises(FatalError, match=r"a\.npz is damaged .* resume"):
        read_arrays(store, "a.npz")
