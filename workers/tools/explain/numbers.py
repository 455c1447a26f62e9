"""Numbers in sentences: as many digits as it takes to tell two of them apart."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_DIGITS = 6


def number(value: float, digits: int = 2) -> str:
    """Format a cosine with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def against(value: float, limit: float) -> tuple[str, str]:
    """A value and its limit: two digits, and more where they would read alike and are not."""
    for digits in range(2, MOST_DIGITS + 1):
        one, other = number(value, digits), number(limit, digits)
        if one != other or value == limit:
            return one, other
    return one, other


def missing(value: float, limit: float) -> str:
    """What a value lacks of a limit, to two digits or so many that it is not nothing."""
    lack = abs(limit - value)
    for digits in range(2, MOST_DIGITS + 1):
        text = number(lack, digits)
        if float(text) > 0:
            return text
    return text


def plain(value: Any) -> Any:
    """A value for JSON: floats of single precision as they read, no NaN."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (np.floating, float)):
        return None if not np.isfinite(value) else round(float(value), 6)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    return value
