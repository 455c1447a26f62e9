"""A table that knows its own sum: every changed bit is noticed, and other readers do not mind."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.assignments.sealed import is_right, read_sealed, sealed_bytes

TABLE = pa.table({"photo": ["a", "b"], "face_id": ["1", "2"]})


def test_it_is_read_back_and_by_any_reader_of_parquet() -> None:
    data = sealed_bytes(TABLE)
    assert is_right(data) is True
    assert read_sealed(data).equals(TABLE)
    assert pq.read_table(io.BytesIO(data), use_threads=False).equals(TABLE)
    assert sealed_bytes(TABLE) == data


def test_a_file_of_an_earlier_build_is_read_without_a_sum() -> None:
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer, compression="zstd")
    assert is_right(buffer.getvalue()) is None
    assert read_sealed(buffer.getvalue()).equals(TABLE)


def test_any_changed_bit_is_noticed() -> None:
    good = sealed_bytes(TABLE)
    for place in range(8 * len(good)):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        assert is_right(bytes(bad)) is False, place


@pytest.mark.parametrize("data", [b"", b"PAR1", b"nothing of the kind", sealed_bytes(TABLE)[:-9]])
def test_a_file_that_is_cut_or_none_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        read_sealed(data)
