"""A worker that kills itself once after each kind of thing that shared-out reduce tasks write."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.graves import die_once
from workers.__main__ import main
from workers.stages import split
from workers.stages import split_tasks as parts

POINTS = ("pivots.npz", "numbers", "matches", "places", "finds")
DEATHS = "HEADCOUNT_TEST_DEATHS"


def die_once_after(write_arrays: Callable[..., None]) -> Callable[..., None]:
    """Like ``write_arrays``, and the first process that wrote something of a kind dies."""

    def body(store: Any, key: str, **arrays: Any) -> None:
        write_arrays(store, key, **arrays)
        die_once(Path(os.environ[DEATHS]), key.split("/reduce/")[1].split("/", maxsplit=1)[0])

    return body


if __name__ == "__main__":  # a test that imports this module is to live
    split.write_arrays = die_once_after(split.write_arrays)
    parts.write_arrays = die_once_after(parts.write_arrays)
    main()
