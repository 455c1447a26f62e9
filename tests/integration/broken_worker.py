"""A worker with a defect that shows once it is connected."""

from typing import Any

from headcount.broker.intake import Intake
from workers.__main__ import main


def broken(_self: Intake, _consumer: Any) -> None:
    """Fail in a way that nobody foresaw."""
    raise RuntimeError("a defect")


if __name__ == "__main__":
    Intake.connected = broken  # type: ignore[method-assign]
    main()
