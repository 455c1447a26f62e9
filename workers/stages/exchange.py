"""Arrays that one task of the reduce stage writes for another to read, through the store."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError
from headcount.storage import Store


def write_arrays(store: Store, key: str, /, **arrays: NDArray[Any]) -> None:
    """Write arrays by name as one object; writing them again changes nothing."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy takes the names for its own options
    store.put(key, file.getvalue())


def read_arrays(store: Store, key: str) -> dict[str, NDArray[Any]]:
    """The arrays of an object. Raises ObjectMissing; FatalError where it is damaged."""
    data = store.get(key).data
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FatalError(
            f"{store.uri}{key} is damaged ({error}). Remove the job's folder reduce/ and what is "
            "called split, match and join in done/, then resume it."
        ) from error
