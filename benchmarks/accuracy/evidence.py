"""Measures how often faces of strangers look alike, by what their pictures lack.

    python -m benchmarks.accuracy.evidence PEOPLE [--crowds FOLDER] [--model PACK] [--keep FILE]

PEOPLE holds one folder per person with photos whose central face is that person; of each photo
pictures are made that are blurred, cut off, small, compressed, dark (degraded.py says how). CROWDS
holds photos of many people, of which no two show one person; photos that do are named with --not.
Faces are taken until each bin of quality, and of the share of the crop outside the photo, has
--faces of them, or each photo has been used three times, and three times more for cuts alone.
--keep stores the faces, so that they need not be made again.

The weaknesses' figures (workers/faces/evidence.py) were fitted on the people and photos whose
name's SHA-256 is even; measured is on the odd ones, unless --half says otherwise. Intervals are
from 200 draws of people (and photos of crowds) with replacement: pairs that share a face are not
independent (Efron and Tibshirani 1993).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import Face, Faces, crowd_faces, cut_faces, joined, made_faces
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.evidence import KINDS, PARTS, evidence_of_pairs, weaknesses
from workers.matching.calibration import evidence_at
from workers.models.packs.open import open_pack
from workers.people.reference_gate import POOR

QUALITY = (0.40, 0.45, 0.50, 0.55, 0.65, 0.80)
OUTSIDE = (0.0, 1e-4, 0.15, 0.30, 0.45)
"""Where bins begin: of the quality, and of the share outside the photo, none at all the first."""
RATES = (1e-4, 1e-5)
ENOUGH = 1_000_000
STEP = 1000
DRAWS = 200
RULE_OF_THREE = 3.0
"""Upper bound of a number of pairs where none was seen (Hanley 1983), if they are independent."""
Mask = NDArray[np.bool_]


def odd(name: str) -> bool:
    return bool(hashlib.sha256(name.encode()).digest()[0] % 2)


def taken(faces: Iterable[Face], number: int, full: Counter[tuple[str, int]]) -> Iterator[Face]:
    """Faces of bins that are not full, until all are; ``full`` counts them."""
    bins = {("quality", n) for n in range(len(QUALITY))}
    bins |= {("outside", n) for n in range(1, len(OUTSIDE))}
    for face in faces:
        places = [("quality", _bin(face.parts["quality"], QUALITY))]
        outside = _bin(face.parts["outside"], OUTSIDE)
        places += [("outside", outside)] if outside else []
        if any(full[place] < number for place in places):
            full.update(places)
            yield face
        if all(full[place] >= number for place in bins):
            return


def _bin(value: float, starts: Sequence[float]) -> int:
    return int(np.searchsorted(starts, value, side="right")) - 1


@dataclass(frozen=True, slots=True)
class Pairs:
    """Impostor pairs that reach the cosine of the largest rate, and all genuine ones.

    K x 2 rows of faces, cosines and evidence of each.
    """

    rows: NDArray[np.int64]
    cosines: NDArray[np.float32]
    evidence: NDArray[np.float32]


def pairs_of(faces: Faces, weak: NDArray[np.float32], least: float) -> tuple[Pairs, Pairs]:
    """Impostor pairs of at least this cosine, and genuine pairs of different photos."""
    impostor, genuine = [], []
    person = np.unique(faces.people, return_inverse=True)[1]
    photo = np.unique(faces.photos, return_inverse=True)[1]
    for start in range(0, len(faces), STEP):
        part = slice(start, start + STEP)
        cosines = faces.embeddings[part] @ faces.embeddings.T
        later = np.arange(len(faces)) > np.arange(len(faces))[part, None]
        same = person[part, None] == person
        other = photo[part, None] != photo
        crowd = faces.kinds == "crowd"
        impostor.append(_picked(cosines, ~same & later & (cosines >= least), start, weak))
        genuine.append(_picked(cosines, same & later & other & ~crowd, start, weak))
    return _together(impostor), _together(genuine)


def _picked(
    cosines: NDArray[np.float32], which: Mask, start: int, weak: NDArray[np.float32]
) -> Pairs:
    one, other = np.nonzero(which)
    found = cosines[one, other]
    rows = np.stack([one + start, other], axis=1)
    return Pairs(rows, found, evidence_of_pairs(found, weak[rows[:, 0]], weak[rows[:, 1]]))


def _together(parts: Sequence[Pairs]) -> Pairs:
    fields = ([getattr(part, name) for part in parts] for name in ("rows", "cosines", "evidence"))
    return Pairs(*(np.concatenate(field) for field in fields))


@dataclass(frozen=True, slots=True)
class Binned:
    """Faces in bins: the bin of each, and how many each person has in each (people x bins)."""

    bins: NDArray[np.int64]
    person: NDArray[np.int64]
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float32], starts: Sequence[float], people: object) -> Binned:
        person = np.unique(np.asarray(people), return_inverse=True)[1]
        bins = np.searchsorted(starts, values, side="right") - 1
        counts = np.zeros((person.max() + 1, len(starts)))
        np.add.at(counts, (person, bins), 1)
        return cls(bins, person, counts)

    def impostors(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ordered pairs of faces of different people, by bins; people weigh so much."""
        weighted = self.counts * weight[:, None]
        total = weighted.sum(axis=0)
        return np.outer(total, total) - weighted.T @ weighted

    def reaching(self, rows: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ordered pairs among these, by bins."""
        found = np.zeros((self.counts.shape[1],) * 2)
        worth = weight[self.person[rows[:, 0]]] * weight[self.person[rows[:, 1]]]
        np.add.at(found, (self.bins[rows[:, 0]], self.bins[rows[:, 1]]), worth)
        return found + found.T


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of impostor pairs that reach a cosine, with its 95 % interval, by bins."""

    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def rate(binned: Binned, rows: NDArray[np.int64], rng: np.random.Generator) -> Rate:
    people = len(binned.counts)
    draws = [np.ones(people)]
    draws += [rng.multinomial(people, np.full(people, 1 / people)) for _ in range(DRAWS)]
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = [binned.reaching(rows, w) / binned.impostors(w.astype(float)) for w in draws]
    low, high = np.nanquantile(seen[1:], (0.025, 0.975), axis=0)
    return Rate(seen[0], low, high)


def show_impostors(
    name: str, starts: Sequence[float], faces: Faces, pairs: Pairs, at: float
) -> None:
    """Print impostor pairs by the bins of both faces; shares as multiples of RATES[0]."""
    rng, binned = np.random.default_rng(0), Binned.of(faces.parts[name], starts, faces.people)
    raw = rate(binned, pairs.rows[pairs.cosines >= at], rng)
    fair = rate(binned, pairs.rows[pairs.evidence >= at], rng)
    count = binned.impostors(np.ones(len(binned.counts)))
    print(f"\n| {name} | pairs | cosine | evidence | 95 % interval |\n|---|---|---|---|---|")
    for one, other in combinations_with_replacement(range(len(starts)), 2):
        number = count[one, other] / (2 if one == other else 1)
        shares = (raw.share, fair.share, fair.low, fair.high)
        before, after, low, high = (share[one, other] / RATES[0] for share in shares)
        high = high or RULE_OF_THREE / number / RATES[0]
        few = "" if number >= ENOUGH else " (few)"
        print(
            f"| {_range(starts, one)} and {_range(starts, other)} | {number:,.0f}{few} "
            f"| {before:.1f} | {after:.1f} | {low:.1f} to {high:.1f} |"
        )


def _range(starts: Sequence[float], place: int) -> str:
    return (
        f"{starts[place]:.2f}-{starts[place + 1]:.2f}"
        if place + 1 < len(starts)
        else (f"{starts[place]:.2f}-1")
    )


def show_all(people: object, pairs: Pairs, cosines: dict[float, float]) -> None:
    """Print the rates over all pairs."""
    number = len(np.asarray(people))
    binned = Binned.of(np.zeros(number, np.float32), (0.0,), people)
    rng = np.random.default_rng(0)
    for nominal, cosine in cosines.items():
        raw = rate(binned, pairs.rows[pairs.cosines >= cosine], rng).share[0, 0]
        fair = rate(binned, pairs.rows[pairs.evidence >= cosine], rng)
        low, high = fair.low[0, 0], fair.high[0, 0]
        print(
            f"all bins, {nominal:.0e} at {cosine:.3f}: cosine {raw:.1e}, "
            f"evidence {fair.share[0, 0]:.1e} ({low:.1e} to {high:.1e})"
        )


def show_genuine(
    name: str, starts: Sequence[float], faces: Faces, pairs: Pairs, cosines: Sequence[float]
) -> None:
    """Print what is left of the genuine pairs, by the bin of the poorer face."""
    both = np.searchsorted(starts, faces.parts[name], side="right")[pairs.rows] - 1
    poorer = both.min(axis=1) if name == "quality" else both.max(axis=1)
    heads = " | ".join(f"cosine >= {c:g} | evidence >= {c:g}" for c in cosines)
    print(f"\n| {name}, the poorer | genuine pairs | {heads} |")
    print("|---" * (2 + 2 * len(cosines)) + "|")
    for place in range(len(starts)):
        here = poorer == place
        reached = ((v[here] >= c).mean() for c in cosines for v in (pairs.cosines, pairs.evidence))
        if here.any():
            cells = " | ".join(f"{share:.1%}" for share in reached)
            print(f"| {_range(starts, place)} | {here.sum():,} | {cells} |")


def show(faces: Faces, record: PackRecord) -> None:
    """Print all tables of these faces."""
    weak = weaknesses({name: faces.parts[name] for name in PARTS}, record.cosine_per_decade)
    cosines = {r: evidence_at(r, record.fmr, record.cosine_per_decade) for r in RATES}
    impostor, genuine = pairs_of(faces, weak, min(cosines.values()))
    print(f"{len(faces)} usable faces of {len(set(faces.people))} people or crowds")
    print(", ".join(f"{number} {kind}" for kind, number in Counter(faces.kinds.tolist()).items()))
    show_all(faces.people, impostor, cosines)
    for name, starts in (("quality", QUALITY), ("outside", OUTSIDE)):
        show_impostors(name, starts, faces, impostor, cosines[RATES[0]])
        show_genuine(name, starts, faces, genuine, (record.threshold, record.cluster_threshold))
    show_gate(faces, genuine, record)


def show_gate(faces: Faces, genuine: Pairs, record: PackRecord) -> None:
    """Print how often pictures that the reference gate takes, or refuses, match a good photo."""
    weak = weaknesses({name: faces.parts[name] for name in PARTS}, 1.0)
    refused = (weak >= [POOR[kind] for kind in KINDS]).any(axis=1)
    plain = faces.kinds == "as it is"
    one, other = genuine.rows.T
    mixed = plain[one] != plain[other]
    picture = np.where(plain[one], other, one)[mixed]
    reached = genuine.evidence[mixed] >= record.threshold
    print()
    for title, which in (("taken", ~refused), ("refused", refused)):
        number = int((which & ~plain).sum())
        share = reached[which[picture]].mean()
        print(f"{number:,} pictures the gate has {title}: {share:.1%} of pairs with a photo match")


def collected(asked: argparse.Namespace) -> Faces:
    """Faces of the chosen half, or those that were kept."""
    if asked.keep and asked.keep.exists():
        return Faces.load(Path(asked.keep))
    pack = open_pack(asked.model, Settings(), S3Settings())
    mine = {"odd": odd, "even": lambda name: not odd(name), "all": lambda _: True}[asked.half]
    crowds = (
        [p for p in sorted(asked.crowds.rglob("*.jpg")) if mine(p.name)] if asked.crowds else []
    )
    people = [p for p in sorted(asked.people.rglob("*.jpg")) if mine(p.parent.name)]
    full: Counter[tuple[str, int]] = Counter()
    crowds = [p for p in crowds if mine(p.name) and p.name not in asked.leave_out]
    faces = list(taken(crowd_faces(crowds, pack), asked.faces, full))
    faces += taken(made_faces(people, pack), asked.faces, full)
    faces += taken(cut_faces(people, pack), asked.faces, full)
    if asked.keep:
        joined(faces).save(asked.keep)
    return joined(faces)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("people", type=Path)
    parser.add_argument("--crowds", type=Path)
    parser.add_argument("--not", dest="leave_out", action="append", default=[], metavar="NAME")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--faces", type=int, default=1450)
    parser.add_argument("--half", choices=("odd", "even", "all"), default="odd")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    faces = collected(asked)
    show(faces, open_pack(asked.model, Settings(), S3Settings()).record)


if __name__ == "__main__":
    sys.exit(main())
