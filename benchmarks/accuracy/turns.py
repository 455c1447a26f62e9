"""Measures whether photos that lie on their side or upside down are read as upright ones are.

    python -m benchmarks.accuracy.turns FOLDER [--model PACK] [--people 70] [--skip 0] [--side 500]

FOLDER holds one folder per person with at least two photos. Each person's first photo is the
reference. The second is stored in all four turns without a mark of it, enlarged to SIDE pixels.
Printed per turn are the people who are named rightly, and the photos that were turned upright; then
the clusters that mix people: of the unnamed faces of all turns at once; and for each turn of all
its faces as if nobody were enrolled. --skip leaves out people, so that a choice made on some is
tested on others.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.clustering.cluster import cluster, join_rule
from workers.faces.analysis import Analysis, analyse
from workers.images.turns import turned_further
from workers.models.base import ModelPack
from workers.models.packs.open import open_pack

TURNS = range(4)
MOST_PIXELS = 10**8


@dataclass(frozen=True)
class Row:
    """One usable face of a turned photo."""

    turn: int
    person: int
    photo: str
    vector: NDArray[np.float32]
    named: int | None


def people_of(folder: Path, skip: int, count: int) -> list[tuple[Path, Path]]:
    """The first two photos of people with several, evenly drawn from those after ``skip``."""
    several = [sorted(person.glob("*.jpg"))[:2] for person in sorted(folder.iterdir())]
    pairs = [(two[0], two[1]) for two in several if len(two) == 2][skip:]
    return pairs[:: max(1, len(pairs) // count)][:count]


def stored(photo: Path, turn: int, side: int) -> bytes:
    """A photo turned by quarters anticlockwise, as a JPEG that does not say so."""
    with Pillow.open(photo) as opened:
        picture = opened.convert("RGB").resize((side, side), Pillow.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.rotate(90 * turn, expand=True).save(file, "JPEG", quality=95)
    return file.getvalue()


def central(found: Analysis) -> int:
    middle = np.array([found.width, found.height]) / 2
    return int(np.abs(found.boxes[:, :2] + found.boxes[:, 2:] / 2 - middle).sum(axis=1).argmin())


def enrolled(pairs: list[tuple[Path, Path]], pack: ModelPack) -> NDArray[np.float32]:
    """One embedding per person: that of the reference's central face, zeros without one."""
    rows = []
    for reference, _ in pairs:
        found = analyse(reference.read_bytes(), pack, max_pixels=MOST_PIXELS, rescue_tight=True)
        blank = np.zeros(pack.record.dimensions, np.float32)
        rows.append(found.embeddings[central(found)] if len(found) else blank)
    return np.stack(rows)


def mixed(rows: list[Row], pack: ModelPack) -> list[int]:
    """People per cluster that mixes them, the most first."""
    if not rows:
        return []
    record = pack.record
    rule = join_rule(
        record.cluster_threshold,
        record.cluster_group_threshold or record.cluster_threshold,
        faces=len(rows),
    )
    vectors = np.stack([row.vector for row in rows])
    labels = cluster(vectors, [row.photo for row in rows], rule=rule)
    people: dict[int, set[int]] = defaultdict(set)
    for label, row in zip(labels.tolist(), rows, strict=True):
        people[label].add(row.person)
    return sorted((len(one) for one in people.values() if len(one) > 1), reverse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--people", type=int, default=70)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--side", type=int, default=500)
    arguments = parser.parse_args()
    pack = open_pack(arguments.model, Settings(), S3Settings())
    pairs = people_of(arguments.folder, arguments.skip, arguments.people)
    references = enrolled(pairs, pack)
    rows, right, upright = list[Row](), Counter[int](), Counter[int]()
    for person, (_, photo) in enumerate(pairs):
        for turn in TURNS:
            data = stored(photo, turn, arguments.side)
            found = analyse(data, pack, max_pixels=MOST_PIXELS)
            upright[turn] += found.orientation == turned_further(1, -turn)
            cosines = found.embeddings @ references.T
            named = np.where(
                (cosines.max(axis=1) >= pack.record.threshold) & found.usable,
                cosines.argmax(axis=1),
                -1,
            )
            right[turn] += person in named
            rows += [
                Row(turn, person, f"{person}/{turn}", vector, int(name) if name >= 0 else None)
                for vector, name, use in zip(found.embeddings, named, found.usable, strict=True)
                if use
            ]
    print(f"{len(pairs)} people, {arguments.side} pixels, {arguments.model}")
    for turn in TURNS:
        alone = mixed([row for row in rows if row.turn == turn], pack)
        print(
            f"turned {90 * turn:3}: named {right[turn]}, turned upright {upright[turn]}, "
            f"people in clusters that mix them, nobody enrolled: {alone}"
        )
    print(f"unnamed faces of all turns: {mixed([r for r in rows if r.named is None], pack)}")


if __name__ == "__main__":
    main()
