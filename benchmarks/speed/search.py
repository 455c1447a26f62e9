"""Measures a search by one face: every face compared, and through the vector index.

    python -m benchmarks.speed.search [--faces 50000]

Faces are people of ten noisy embeddings each, of 128 numbers. Printed are the medians of both
searches as a ratio, the share of the ten nearest faces that the index finds, and how many exact
searches the building of the index costs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri
from headcount.tables.table import Table
from workers.tables.rows import fixed_lists

FACES_EACH, WIDTH, SEARCHES = 10, 128, 30


def faces(count: int) -> pa.Table:
    random = np.random.default_rng(3)
    people = random.standard_normal((count // FACES_EACH, WIDTH), np.float32)
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    rows = np.repeat(people, FACES_EACH, axis=0)
    rows += 0.8 * random.standard_normal(rows.shape, np.float32) / WIDTH**0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return pa.table({"number": np.arange(len(rows)), "v": fixed_lists(rows.astype(np.float16))})


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=50_000)
    rows = faces(parser.parse_args().faces)
    wanted = np.random.default_rng(4).choice(rows.num_rows, SEARCHES, replace=False)
    with tempfile.TemporaryDirectory() as folder:
        table = Table(canonical_uri(folder), "faces.lance", S3Settings())
        table.create(rows.schema)
        table.append(rows)

        def search(number: int) -> set[int]:
            query = np.array(rows["v"][number].as_py(), np.float16)
            found = table.nearest("v", query, ["number"], count=FACES_EACH)
            return set(found["number"].to_pylist())

        exact = [timed(lambda n=n: search(n)) for n in wanted]
        building, _ = timed(lambda: table.index("v"))
        indexed = [timed(lambda n=n: search(n)) for n in wanted]
    slow, quick = (statistics.median(t for t, _ in runs) for runs in (exact, indexed))
    shared = [len(a & b) / len(a) for (_, a), (_, b) in zip(exact, indexed, strict=True)]
    print(
        f"{rows.num_rows:,} faces: a search through the index takes {quick / slow:.2f} of an exact "
        f"one and finds {statistics.mean(shared):.3f} of its faces; building it costs as much as "
        f"{building / slow:,.0f} exact searches"
    )


if __name__ == "__main__":
    main()
