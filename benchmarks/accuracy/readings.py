"""Measures what it costs to compare faces of two readings of one pack.

    python -m benchmarks.accuracy.readings EARLIER LATER

Both are archives (folders) of the same photos, a folder per person, made by two builds of
different readings: `headcount run FOLDER --archive EARLIER --out DIR` by each. Taken is the largest
face of each photo that both found. Printed are the cosines of one face in both readings, and of
pairs within each reading and across them: genuine pairs below 0.45, and the cosine that one
impostor pair in 10,000 reaches.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import heading, row
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import read_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri, open_store
from headcount.tables.table import Table
from workers.tables.rows import matrix

BELOW = 0.45
RARE = 1e-4

Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("earlier", type=Path)
    parser.add_argument("later", type=Path)
    asked = parser.parse_args()
    one, other = largest(asked.earlier), largest(asked.later)
    photos = sorted(one.keys() & other.keys())
    print("\n".join(table(photos, *(np.stack([r[p] for p in photos]) for r in (one, other)))))


def largest(archive: Path) -> dict[str, Floats]:
    """Embedding of the largest face of each photo, of unit length."""
    store = open_store(canonical_uri(str(archive)))
    keys = PackKeys(read_record(store, ARCHIVE, ArchiveRecord).model.pack_id)
    rows = Table(store.uri, keys.faces, S3Settings()).read(["photo", "w", "h", "descriptor"])
    rows = rows.take(np.argsort(np.multiply(rows["w"].to_numpy(), rows["h"].to_numpy())))
    return dict(zip(rows["photo"].to_pylist(), matrix(rows["descriptor"]), strict=True))


def table(photos: list[str], earlier: Floats, later: Floats) -> list[str]:
    """Lines of the table."""
    people = np.unique([Path(photo).parent.name for photo in photos], return_inverse=True)[1]
    first, second = np.triu_indices(len(photos), 1)
    same = people[first] == people[second]
    lines = heading("pairs", f"genuine below {BELOW}", f"impostors at {RARE:g}")
    sides = {"earlier": (earlier, earlier), "later": (later, later), "across": (earlier, later)}
    for name, (one, another) in sides.items():
        cosines = (one @ another.T)[first, second]
        genuine, impostor = cosines[same], cosines[~same]
        share = f"{100 * (genuine < BELOW).mean():.2f} %"
        lines.append(row([name, share, f"{np.quantile(impostor, 1 - RARE):.4f}"]))
    least = np.quantile((earlier * later).sum(axis=1), [0, 0.01])
    told = f"one face in both: least cosine {least[0]:.4f}, 99 % above {least[1]:.4f}"
    return [*lines, "", f"{len(photos):,} faces; {told}"]


if __name__ == "__main__":
    main()
