"""The quality in parts is the quality that the analysis gave."""

import numpy as np
import pytest

from headcount.contract.vocabulary import BY_HAND
from workers.faces.quality import lowered, quality_of, quality_of_drawn
from workers.tools.explain.quality_parts import pulled_down_by, quality_parts

ROW = {
    "h": 62.0,
    "sharpness": 0.3,
    "pose": 0.8,
    "certainty": 0.6,
    "detection_score": 0.9,
    "outside": 0.25,
    "pass": "whole",
    "usable": True,
    "quality": 0.0,
}


def parts_of(row: dict[str, object]) -> dict[str, np.ndarray]:
    return {
        "size": np.array([0.5]),
        "sharpness": np.array([row["sharpness"]]),
        "pose": np.array([row["pose"]]),
        "score": np.array([row["detection_score"]]),
        "certainty": np.array([row["certainty"]]),
    }


@pytest.mark.parametrize(("found_by", "of"), [("whole", quality_of), (BY_HAND, quality_of_drawn)])
def test_the_product_of_the_factors_is_the_quality(found_by: str, of: object) -> None:
    row = ROW | {"pass": found_by}
    found = quality_parts(row)
    whole = lowered(of(parts_of(row)), np.array([0.25], np.float32))  # type: ignore[operator]
    product = np.prod([part["factor"] for part in found["parts"]])
    assert product == pytest.approx(float(whole[0]), abs=1e-5)
    assert ("score" in {part["part"] for part in found["parts"]}) == (found_by == "whole")


def test_the_part_that_takes_most_away_comes_first() -> None:
    found = quality_parts(ROW | {"certainty": 0.05})
    assert found["parts"][0]["part"] == "certainty"
    assert pulled_down_by(found) == "of little certainty to the recogniser"


def test_parts_of_an_earlier_build_are_left_out() -> None:
    bare = quality_parts(ROW | dict.fromkeys(("sharpness", "pose", "certainty", "outside")))
    assert {part["part"] for part in bare["parts"]} == {"size", "score", "outside"}
