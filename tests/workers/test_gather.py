import numpy as np
import pytest

from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from workers.gather import parts_of
from workers.handed import hand_on, handed


def test_fragments_are_shared_out_whole_and_no_part_is_larger_than_it_must_be() -> None:
    assert parts_of({0: 5, 1: 5, 4: 1, 7: 30, 8: 2}, 10) == ((0, 1), (4,), (7,), (8,))
    assert parts_of({3: 5}, 10) == ((3,),)
    assert parts_of({}, 10) == ()


def test_what_is_handed_on_arrives_as_it_was() -> None:
    store = MemoryStore()
    hand_on(store, "a.npz", key=np.arange(3), half=np.ones((2, 4), np.float16))
    arrays = handed(store, "a.npz")
    assert arrays["key"].tolist() == [0, 1, 2]
    assert arrays["half"].dtype == np.float16
    assert arrays["half"].shape == (2, 4)


@pytest.mark.parametrize("data", [b"", b"no such thing", b"PK\x03\x04 cut off"])
def test_what_was_damaged_says_what_to_do(data: bytes) -> None:
    store = MemoryStore()
    store.put("a.npz", data)
    with pytest.raises(FatalError, match=r"a\.npz is damaged .* resume"):
        handed(store, "a.npz")
