"""Measures what a roster adds: people found in made group photos with it and without.

    python -m benchmarks.accuracy.roster FOLDER [--shrink 0.2] [--cache FILE]

FOLDER holds one folder per person with photos whose central face is that person. Half of the people
with four photos or more are enrolled, each by one photo. Faces of further photos, shrunk so that
they are as small as in a group photo, are put together: PRESENT enrolled people and GUESTS others
in each photo. A roster expects everybody enrolled who is there, and ABSENT who are not. Printed are
the share of the present who are rightly named and the wrong names per 1,000 faces, over five draws:
of matching alone, of matching and the roster, and of matching alone at the lower threshold at which
it makes as many wrong names as with the roster.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image as Pillow

from benchmarks.accuracy.thresholds import central
from headcount.contract.stored.archive import PackRecord
from headcount.errors import PhotoError
from headcount.rosters.read import EVERY
from headcount.rosters.scopes import EXPECTATIONS
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import analyse
from workers.faces.evidence import no_weaknesses
from workers.identity.candidates import Search, UnclaimedFaces
from workers.identity.roster_names import RosterRule, name_expected
from workers.matching.calibration import evidence_at
from workers.matching.likeness import Likeness
from workers.models.base import ModelPack
from workers.models.packs.open import open_pack
from workers.people.gallery import Gallery
from workers.stages.assign import applied_threshold, assign

PRESENT, GUESTS, ABSENT, DRAWS = 4, 2, 2, 5
FALSE_POSITIVES = 1e-3
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Groups:
    """Made photos: their faces, the true person of each (-1: a guest), who is expected where."""

    embeddings: Floats
    photo: NDArray[np.int64]
    truth: NDArray[np.int64]
    expected: list[tuple[int, int]]


@dataclass(frozen=True)
class Score:
    """How many of the present were rightly named, and how many names were wrong."""

    right: int
    wrong: int
    present: int
    faces: int

    def __str__(self) -> str:
        rate = 1000 * self.wrong / self.faces
        return f"{self.right / self.present:.4f} found, {rate:.2f} wrong names per 1,000 faces"


def shrunk(path: Path, factor: float) -> bytes:
    with Pillow.open(path) as opened:
        image = opened.convert("RGB")
    small = image.resize(
        (round(image.width * factor), round(image.height * factor)), Pillow.Resampling.BICUBIC
    )
    file = io.BytesIO()
    small.resize(image.size, Pillow.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


def embed(folder: Path, pack: ModelPack, factor: float) -> Iterator[tuple[str, Floats, Floats]]:
    """Person, embedding of the photo as it is, and of the same photo shrunk."""
    for path in sorted(folder.rglob("*.jpg")):
        try:
            found = [
                analyse(data, pack, max_pixels=10**8)
                for data in (path.read_bytes(), shrunk(path, factor))
            ]
        except PhotoError:
            continue
        if all(map(len, found)):
            one, other = (f.embeddings[central(f.boxes, f.width, f.height)] for f in found)
            yield path.parent.name, one, other


def load(folder: Path, pack: ModelPack, factor: float, cache: Path | None) -> tuple[Floats, ...]:
    """People as numbers, embeddings of photos and of shrunk ones."""
    if cache is not None and cache.exists():
        kept = np.load(cache)
        return kept["people"], kept["whole"], kept["small"]
    rows = list(embed(folder, pack, factor))
    people = np.unique([name for name, *_ in rows], return_inverse=True)[1]
    whole, small = (np.stack([row[n] for row in rows]) for n in (1, 2))
    if cache is not None:
        np.savez(cache, people=people, whole=whole, small=small)
    return people, whole, small


def gallery_of(embeddings: Floats) -> Gallery:
    names = tuple(f"p{n:05}" for n in range(len(embeddings)))
    starts = np.arange(len(names), dtype=np.intp)
    boxes = np.zeros((len(names), 4), np.float32)
    weak = no_weaknesses(len(names))
    return Gallery(names, names, starts, embeddings, weak, names, names, boxes)


def draw(
    people: NDArray[np.int64], whole: Floats, small: Floats, seed: int
) -> tuple[Gallery, Groups]:
    random = np.random.default_rng(seed)
    several = random.permutation(np.flatnonzero(np.bincount(people) >= 4))
    enrolled = np.sort(several[: len(several) // 2])
    rows = {p: random.permutation(np.flatnonzero(people == p)) for p in enrolled.tolist()}
    gallery = gallery_of(np.stack([whole[of[0]] for of in rows.values()]))
    faces = {n: list(of[1:8]) for n, of in enumerate(rows.values())}
    guests = random.permutation(np.flatnonzero(~np.isin(people, enrolled))).tolist()
    chosen, photo, truth, expected = [], [], [], []
    number = 0
    while len(left := [n for n, some in faces.items() if some]) >= PRESENT and len(guests) > GUESTS:
        there = random.choice(left, PRESENT, replace=False).tolist()
        absent = random.choice(
            np.setdiff1d(np.arange(len(faces)), there), ABSENT, replace=False
        ).tolist()
        for person in there:
            chosen.append(faces[person].pop())
            truth.append(person)
        chosen += [guests.pop() for _ in range(GUESTS)]
        truth += [-1] * GUESTS
        photo += [number] * (PRESENT + GUESTS)
        expected += [(number, person) for person in (*there, *absent)]
        number += 1
    return gallery, Groups(small[chosen], np.array(photo), np.array(truth), expected)


def table_of(groups: Groups) -> pa.Table:
    count = len(groups.photo)
    return pa.table(
        {
            "photo": [f"{n:06}" for n in groups.photo.tolist()],
            "face_id": [f"f{n:06}" for n in range(count)],
            "usable": [True] * count,
            "quality": pa.array(np.full(count, 0.9, np.float32)),
        }
    )


def score(named: NDArray[np.int64], groups: Groups) -> Score:
    known = groups.truth >= 0
    right = known & (named == groups.truth)
    wrong = (named >= 0) & ~right
    return Score(int(right.sum()), int(wrong.sum()), int(known.sum()), len(named))


def positions(faces: pa.Table) -> NDArray[np.int64]:
    return np.array([-1 if p is None else int(p[1:]) for p in faces["person_id"].to_pylist()])


def with_roster(
    faces: pa.Table, groups: Groups, gallery: Gallery, pack: PackRecord, threshold: float
) -> NDArray[np.int64]:
    ids = pa.array(gallery.person_ids)
    search = Search(
        UnclaimedFaces.of(faces, ids, ()),
        Likeness(groups.embeddings, no_weaknesses(len(groups.embeddings)), gallery),
        ids,
        threshold,
        pack.margin,
    )
    rows = [
        {"photo": f"{photo:06}", "person_id": gallery.person_ids[person], "needed": EVERY}
        for photo, person in groups.expected
    ]
    rule = RosterRule(
        partial(evidence_at, points=pack.fmr, cosine_per_decade=pack.cosine_per_decade),
        FALSE_POSITIVES,
        threshold,
        pack.margin,
        pack.calibration,
    )
    found = name_expected(
        faces,
        [pa.Table.from_pylist(rows, EXPECTATIONS)],
        search,
        rule,
        references=np.ones(len(gallery), np.int64),
    )
    named = positions(faces)
    for one in found:
        named[one.row] = one.person
    sure = np.array([one.probability for one in found])
    right = np.array([groups.truth[one.row] == one.person for one in found])
    if len(found):
        print(f"  by the roster: {len(found)}, right {right.mean():.4f}, said {sure.mean():.4f}")
    return named


def total(scores: list[Score]) -> Score:
    return Score(
        *(sum(getattr(s, n) for s in scores) for n in ("right", "wrong", "present", "faces"))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--shrink", type=float, default=0.2)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    pack = open_pack(arguments.model, Settings(), S3Settings())
    rows = load(arguments.folder, pack, arguments.shrink, arguments.cache)
    drawn = [draw(*rows, seed) for seed in range(DRAWS)]

    def alone(threshold: float | None) -> tuple[Score, list[pa.Table]]:
        tables = [
            assign(
                table_of(groups),
                groups.embeddings,
                gallery,
                pack.record,
                threshold=threshold or applied_threshold(gallery, pack.record, FALSE_POSITIVES),
            )
            for gallery, groups in drawn
        ]
        scores = [score(positions(t), g) for t, (_, g) in zip(tables, drawn, strict=True)]
        return total(scores), tables

    plain, tables = alone(None)
    print(f"matching alone: {plain}")
    limit = applied_threshold(drawn[0][0], pack.record, FALSE_POSITIVES)
    both = total(
        [
            score(with_roster(faces, groups, gallery, pack.record, limit), groups)
            for faces, (gallery, groups) in zip(tables, drawn, strict=True)
        ]
    )
    print(f"with the roster: {both}")
    lower = next(
        (s for t in np.arange(0.2, limit, 0.005) if (s := alone(float(t))[0]).wrong <= both.wrong),
        plain,
    )
    print(f"matching alone at that error: {lower}")


if __name__ == "__main__":
    main()
