"""Parquet files that hold the SHA-256 of their own other bytes, so that a changed one is noticed.

The sum lies between the last column and the footer, where no reader of Parquet looks. Files of
earlier builds have none.
"""

from __future__ import annotations

import hashlib
import io
import struct

import pyarrow as pa
import pyarrow.parquet as pq

_MARK = b"headcount-sha256"
_SUM_BYTES = hashlib.sha256().digest_size
_TAIL = struct.Struct("<I4s")
"""The end of a Parquet file: the length of its footer, and PAR1."""
_SEALED = b"headcount.sealed"
"""The note of the file that it has a sum, beside the mark: one of them may be damaged."""


def sealed_bytes(table: pa.Table) -> bytes:
    """The table as Parquet with its sum; equal tables give equal bytes."""
    buffer = io.BytesIO()
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _SEALED: b"1"})
    pq.write_table(table, buffer, compression="zstd")
    data = buffer.getvalue()
    at = _footer(data)
    return data[:at] + _MARK + hashlib.sha256(data).digest() + data[at:]


def is_right(data: bytes) -> bool | None:
    """Whether a file has the bytes that were written; None where it has no sum.

    False also where it is no Parquet file.
    """
    at = _footer(data)
    start = at - _SUM_BYTES - len(_MARK)
    if start >= 0 and data[start : at - _SUM_BYTES] == _MARK:
        digest = hashlib.sha256(data[:start])
        digest.update(data[at:])
        return digest.digest() == data[at - _SUM_BYTES : at]
    try:
        metadata = pq.read_metadata(io.BytesIO(data)).metadata or {}
    except (pa.ArrowException, OSError, ValueError):
        return False
    return False if _SEALED in metadata else None


def read_sealed(data: bytes) -> pa.Table:
    """The table of a file. Raises ValueError where its bytes have changed, or are no table.

    Read by one thread: pyarrow's own threads, beside Lance's, now and then abort a process that
    is about to leave.
    """
    if is_right(data) is False:
        raise ValueError("its SHA-256 is another one")
    try:
        return pq.read_table(io.BytesIO(data), use_threads=False, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error


def _footer(data: bytes) -> int:
    """Where the footer begins; 0 where the end of the file is none of Parquet's."""
    if len(data) < _TAIL.size:
        return 0
    length, magic = _TAIL.unpack(data[-_TAIL.size :])
    return max(0, len(data) - _TAIL.size - length) if magic == b"PAR1" else 0
