"""Measures whether `probability` is as often right as it says, in galleries of several sizes.

    python -m benchmarks.accuracy.reliability PEOPLE [--model PACK] [--keep FILE] [--fit]

PEOPLE holds one folder per person with photos whose central face is that person. Of each gallery's
people, drawn from those with several photos (where these are too few, from all), one photo is the
reference; probes are all other usable faces, of enrolled people and of others. Then follow
galleries with two, three and five references of each.

Probes are printed in ten bins of what was said: their number in fifteen draws, of how many faces
they are, the mean, and the share that is right with its 95 % interval (Wilson 1927) for so many
faces: a face is a probe of many draws, and no new one each time. A bin holds if both are within
0.05, or if the interval has the mean. Beside it stands the Brier score of the logistic of a pair,
which an earlier build gave.

--fit chooses a shift of the mean of genuine pairs, and their deviation, on each half of the people,
by the mean logarithm of the chances, and prints the other half's bins; its galleries are of up to
500 people. --made adds a table of probes whose pictures were made worse, as --keep of
benchmarks/accuracy/evidence.py stores them.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import Faces
from benchmarks.accuracy.labelled import gallery_of, labelled, weak_of
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.matching.calibration import search_threshold
from workers.matching.match import Matches, accepted, match
from workers.matching.posterior import Likeness, Pictures, nearest_is_right
from workers.models.packs.open import open_pack
from workers.people.gallery import Gallery

PEOPLE = (50, 500, 1000)
DRAWS = 15
FALSE_POSITIVES = 1e-3
BINS = 10
NEAR, SURE = 0.05, 0.9
SHIFTS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
DEVIATIONS = (3.0, 3.25, 3.5, 3.75, 4.0, 4.25, 4.5)
"""Logits that --fit tries."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Probes:
    """N probes of one gallery: matches, whether the nearest is right, and whether it is named.

    ``rows`` are their faces, ``references`` the numbers of each enrolled person's, ``enrolled`` is
    the share of probes of enrolled people.
    """

    rows: NDArray[np.int64]
    matches: Matches
    pictures: Pictures
    references: NDArray[np.int64]
    right: Mask
    matched: Mask
    enrolled: float

    def said(self, likeness: Likeness | None) -> NDArray[np.float32]:
        """Chances that the nearest person is right."""
        return nearest_is_right(self.matches, self.pictures, self.references, likeness)

    def logistic(self, pack: PackRecord) -> NDArray[np.float32]:
        """The chances an earlier build gave: those of a pair."""
        assert pack.calibration
        slope, intercept = pack.calibration
        chance = 1 / (1 + np.exp(-(slope * self.matches.evidence + intercept)))
        return np.asarray(chance, np.float32)


def drawn(
    faces: Faces,
    pack: PackRecord,
    people: int,
    seed: int,
    *,
    made: Faces | None = None,
    references: int = 1,
) -> Probes:
    """Probes of a gallery of so many people; with ``made`` its faces, of the other photos."""
    rng = np.random.default_rng(seed)
    names, person, counts = np.unique(faces.people, return_inverse=True, return_counts=True)
    several, rest = np.flatnonzero(counts > references), np.flatnonzero(counts == references)
    chosen = np.append(rng.permutation(several), rng.permutation(rest))[:people]
    chosen = np.sort(chosen)
    each = [rng.permutation(np.flatnonzero(person == one))[:references] for one in chosen]
    rows, weak = np.concatenate(each), weak_of(faces, pack)
    gallery = gallery_of(faces.embeddings[rows], weak[rows], names[chosen])
    probes = faces if made is None else made
    kept = ~np.isin(probes.photos, faces.photos[rows])
    found = match(probes.embeddings[kept], gallery, weak_of(probes, pack)[kept])
    nearest, true = np.array(gallery.names)[found.person], probes.people[kept]
    share = float(np.isin(true, gallery.names).mean())
    counted = np.full(len(chosen), references)
    own, matched = np.flatnonzero(kept), named(found, gallery, pack)
    quality, lacking = probes.parts["quality"], weak_of(probes, pack)
    pictures = Pictures.of(quality, lacking, pack.cosine_per_decade).at(own)
    return Probes(own, found, pictures, counted, nearest == true, matched, share)


def named(found: Matches, gallery: Gallery, pack: PackRecord) -> Mask:
    """Mask of the faces that a run would match, each the only one of its photo."""
    threshold = search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=len(gallery.embeddings),
        false_positives=FALSE_POSITIVES,
    )
    usable, alone = np.ones(len(found.person), bool), np.arange(len(found.person))
    return accepted(found, usable, alone, threshold=threshold, margin=pack.margin)


# -- figures --------------------------------------------------------------------------------------


def interval(share: float, number: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z = NormalDist().inv_cdf(0.975)
    middle = share + z * z / (2 * number)
    half = z * np.sqrt(share * (1 - share) / number + z * z / (4 * number**2))
    return (middle - half) / (1 + z * z / number), (middle + half) / (1 + z * z / number)


def brier(said: NDArray[np.float32], right: Mask) -> float:
    return float(((said - right) ** 2).mean()) if len(said) else float("nan")


def bins_of(
    said: NDArray[np.float32], right: Mask, faces: NDArray[np.int64]
) -> Iterator[tuple[str, bool]]:
    """Cells of each bin's probes, of these faces, and whether it holds."""
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    for place in range(BINS):
        here = bins == place
        number = int(here.sum())
        if not number:
            yield "none", True
            continue
        mean, share = float(said[here].mean()), float(right[here].mean())
        different = len(np.unique(faces[here]))
        low, high = interval(share, different)
        holds = abs(mean - share) <= NEAR or low <= mean <= high
        missed = "" if holds else ", **off**"
        seen = f"{number:,} of {different:,}: {mean:.3f}, {share:.3f}"
        yield f"{seen} ({low:.3f} to {high:.3f}){missed}", holds


def show(
    titles: Sequence[str], columns: Sequence[Sequence[Probes]], likeness: Likeness | None
) -> int:
    """Print the bins of several sets of probes side by side; the number that do not hold."""
    cells = []
    for probes in columns:
        said = np.concatenate([one.said(likeness) for one in probes])
        right = np.concatenate([one.right for one in probes])
        faces = np.concatenate([one.rows for one in probes])
        cells.append(list(bins_of(said, right, faces)))
    print(f"\n| said | {' | '.join(titles)} |")
    print("|---" * (1 + len(titles)) + "|")
    for place in range(BINS):
        row = " | ".join(column[place][0] for column in cells)
        print(f"| {place / BINS:.1f} to {(place + 1) / BINS:.1f} | {row} |")
    return sum(not holds for column in cells for _, holds in column)


def show_scores(title: str, probes: Sequence[Probes], pack: PackRecord) -> None:
    """Print Brier scores of both ways, and the share of right matches that is sure."""
    likeness = Likeness.of(pack.fmr, pack.calibration)
    new = np.concatenate([one.said(likeness) for one in probes])
    old = np.concatenate([one.logistic(pack) for one in probes])
    right = np.concatenate([one.right for one in probes])
    matched = np.concatenate([one.matched for one in probes])
    scores = [
        f"{brier(old[which], right[which]):.5f} → {brier(new[which], right[which]):.5f}"
        for which in (matched, ~matched)
    ]
    sure = (new[matched & right] >= SURE).mean()
    share = np.mean([one.enrolled for one in probes])
    print(f"| {title} | {len(right):,} | {share:.1%} | {' | '.join(scores)} | {sure:.1%} |")


def show_all(title: str, sets: dict[str, list[Probes]], pack: PackRecord) -> None:
    print(f"\n{title}")
    missed = show(list(sets), list(sets.values()), Likeness.of(pack.fmr, pack.calibration))
    print(f"\n{missed} bins do not hold\n")
    print("| gallery | probes | enrolled | Brier, matched | Brier, others | right matches >= 0.9 |")
    print("|---|---|---|---|---|---|")
    for name, probes in sets.items():
        show_scores(name, probes, pack)


# -- the fit --------------------------------------------------------------------------------------


def odd(name: str) -> bool:
    return bool(hashlib.sha256(name.encode()).digest()[0] % 2)


def likeness_of(pack: PackRecord, shift: float, deviation: float) -> Likeness:
    """The distributions with genuine pairs that are moved by so many logits, and spread so far."""
    known = Likeness.of(pack.fmr, pack.calibration)
    assert known
    genuine = tuple((quality, logits + shift) for quality, logits in known.genuine)
    return replace(known, genuine=genuine, spread=((1, deviation),))


def loss(probes: Sequence[Probes], likeness: Likeness) -> float:
    """The mean negative logarithm of the chance of what is true."""
    said = np.concatenate([one.said(likeness) for one in probes])
    right = np.concatenate([one.right for one in probes])
    return float(-np.log(np.maximum(np.where(right, said, 1 - said), 1e-6)).mean())


def fit(faces: Faces, pack: PackRecord) -> None:
    """Print what each half of the people chooses, and the other half's bins with it."""
    of_odd = np.array([odd(name) for name in faces.people.tolist()])
    halves = {"even": faces.where(~of_odd), "odd": faces.where(of_odd)}
    sets = {
        name: {size: [drawn(half, pack, size, seed) for seed in range(DRAWS)] for size in (50, 500)}
        for name, half in halves.items()
    }
    for here, there in (("even", "odd"), ("odd", "even")):
        every = [probes for some in sets[here].values() for probes in some]
        chosen = min(
            product(SHIFTS, DEVIATIONS), key=lambda at: loss(every, likeness_of(pack, *at))
        )
        print(f"\n{here} half: shift {chosen[0]}, deviation {chosen[1]} logits; {there} half:")
        titles = [f"{len(some[0].references)} people" for some in sets[there].values()]
        missed = show(titles, list(sets[there].values()), likeness_of(pack, *chosen))
        print(f"\n{missed} bins do not hold")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("people", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--made", type=Path)
    parser.add_argument("--fit", action="store_true")
    asked = parser.parse_args()
    faces = labelled(asked.people, asked.model, asked.keep)
    pack = open_pack(asked.model, Settings(), S3Settings()).record
    if asked.fit:
        fit(faces, pack)
        return
    words = f"{len(faces):,} faces of {len(set(faces.people)):,} people"
    show_all(words, sets_of(faces, pack), pack)
    for references in (2, 3, 5):
        several = sets_of(faces, pack, PEOPLE[:2], references=references)
        show_all(f"{references} references of each person", several, pack)
    if asked.made:
        show_all("probes made worse", sets_of(faces, pack, made=Faces.load(asked.made)), pack)


def sets_of(
    faces: Faces,
    pack: PackRecord,
    sizes: Sequence[int] = PEOPLE,
    *,
    made: Faces | None = None,
    references: int = 1,
) -> dict[str, list[Probes]]:
    """Probes of DRAWS galleries of each size, by how many people are in them."""
    drawings = (
        [drawn(faces, pack, size, seed, made=made, references=references) for seed in range(DRAWS)]
        for size in sizes
    )
    return {f"{len(some[0].references):,} people": some for some in drawings}


if __name__ == "__main__":
    main()
