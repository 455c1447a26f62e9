"""A worker that kills itself once at each of some points of the reduce stage."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.graves import die_once
from workers.__main__ import main
from workers.identity import update
from workers.stages import write

POINTS = ("enrol_named", "write_lineage", "write_assignments")
DEATHS = "HEADCOUNT_TEST_DEATHS"


def die_once_after(point: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Like ``work``, and the first process that is through with it dies."""

    def body(*arguments: Any, **options: Any) -> Any:
        result = work(*arguments, **options)
        die_once(Path(os.environ[DEATHS]), point)
        return result

    return body


if __name__ == "__main__":  # a test that imports this module is to live
    update.enrol_named = die_once_after("enrol_named", update.enrol_named)
    write.history.write_table = die_once_after("write_lineage", write.history.write_table)
    write.history.write_assignments = die_once_after(
        "write_assignments", write.history.write_assignments
    )
    main()
