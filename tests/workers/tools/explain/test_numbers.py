"""Numbers that tell themselves apart."""

import json

import numpy as np
import pytest

from workers.tools.explain.numbers import against, missing, number, plain


@pytest.mark.parametrize(
    ("value", "limit", "texts"),
    [
        (0.30, 0.45, ("0.30", "0.45")),
        (0.4496, 0.4504, ("0.4496", "0.4504")),
        (0.4466, 0.4502, ("0.447", "0.450")),
        (0.45, 0.45, ("0.45", "0.45")),
    ],
)
def test_two_digits_and_more_where_two_would_read_alike(
    value: float, limit: float, texts: tuple[str, str]
) -> None:
    assert against(value, limit) == texts


def test_what_is_missing_is_never_nothing() -> None:
    assert missing(0.30, 0.45) == "0.15"
    assert missing(0.4496, 0.4504) == "0.001"
    assert missing(0.45000001, 0.45) != ""


def test_a_minus_is_a_true_one() -> None:
    assert number(-0.123) == "\N{MINUS SIGN}0.12"


def test_a_document_is_plain_json() -> None:
    found = plain(
        {"a": np.float32(0.1), "b": [np.int64(2), float("nan")], "c": (np.bool_(1), None, "t")}
    )
    assert json.loads(json.dumps(found)) == {"a": 0.1, "b": [2, None], "c": [True, None, "t"]}
