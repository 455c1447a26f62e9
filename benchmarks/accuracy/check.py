"""How often the bound of a signed check holds the truth, on made results with wrong names.

``python -m benchmarks.accuracy.check [--draws 2000]``: for 1, 3 and 10 % wrong names among 4,000,
100 are drawn as `headcount review --check 100` draws them, by one seed after another.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa

from headcount.assignments.checks.bounds import at_most
from headcount.assignments.checks.draw import drawn, names_of
from headcount.assignments.history import ASSIGNMENTS

FACES, DRAWN, DRAWS = 4000, 100, 2000
RATES = (0.01, 0.03, 0.10)
IDS = ("face_id", "person_id")


def made_names(rate: float) -> tuple[pa.Table, frozenset[str]]:
    """Made names, and the faces among them whose name is wrong: so many, at random places."""
    rng = np.random.default_rng(20)
    rows = {
        "photo": [f"{n // 3}.jpg" for n in range(FACES)],
        "face_id": [f"f{n:023x}" for n in range(FACES)],
        "decision": ["matched"] * FACES,
        "person_id": [f"p{n:015x}" for n in rng.integers(0, 200, FACES)],
    }
    rows["person"], rows["cluster_id"] = rows["person_id"], rows["face_id"]
    wrong = rng.choice(FACES, round(rate * FACES), replace=False)
    return (
        names_of(pa.table(rows, ASSIGNMENTS)),
        frozenset(rows["face_id"][n] for n in wrong.tolist()),
    )


def bounds(rate: float, draws: int) -> Iterator[float]:
    """Yield the bound of each draw."""
    names, wrong = made_names(rate)
    bound = cache(lambda met: at_most(met, DRAWN))
    for seed in range(draws):
        yield bound(sum(row["face_id"] in wrong for row in drawn(names, IDS, DRAWN, seed)))


def measure(rate: float, draws: int) -> dict[str, float]:
    """The share of draws whose bound holds the true rate, and the bounds' mean."""
    found = np.fromiter(bounds(rate, draws), float)
    return {
        "wrong": rate,
        "draws": draws,
        "held": round(float((found >= rate).mean()), 4),
        "bound_mean": round(float(found.mean()), 4),
    }


def main() -> None:
    """Print one line of JSON per rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=DRAWS)
    arguments = parser.parse_args()
    for rate in RATES:
        print(json.dumps(measure(rate, arguments.draws)), flush=True)


if __name__ == "__main__":
    main()
