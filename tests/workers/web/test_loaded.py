"""Keys of face ids: numbers that stand for texts."""

import numpy as np
import pyarrow as pa

from workers.web.loaded import id_keys


def test_a_collection_without_a_face_has_no_key() -> None:
    assert len(id_keys(pa.array([], pa.string()))) == 0


def test_equal_ids_have_equal_keys_and_others_differ_whatever_their_length() -> None:
    ids = [f"f{number:023x}" for number in range(1000)]
    keys = id_keys(pa.array(ids))
    assert len(set(keys.tolist())) == 1000
    mixed = id_keys(pa.array([*ids[:3], "x1", "", ids[0]]))
    assert np.array_equal(mixed[:3], keys[:3])
    assert mixed[5] == keys[0]
    assert len(set(mixed.tolist())) == 5
